#!/usr/bin/env bash
# A batch over 16 tasks of a Slurm array: sbatch slurm_array.sh. A task that was
# cancelled or failed goes on where it was: with --shard auto/16 below,
# sbatch --array=3,7 slurm_array.sh starts tasks 3 and 7 alone again.
#SBATCH --job-name=jaxnst
#SBATCH --array=0-15
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=08:00:00
set -euo pipefail

# The folders lie on storage that every node sees; or they are addresses, such as
# s3://bucket/photos, and the nodes have the credentials.
jaxnst batch --contents photos --styles paintings -o painted --shard auto --quiet
