"""What a run leaves to read and to look at: tables, plots, web pages."""

from jaxnst.reports.plots import plot_losses
from jaxnst.reports.tables import write_csv, write_losses

__all__ = ["plot_losses", "write_csv", "write_losses"]
