"""A study: networks, starts, style layers and weights compared on one pair of images.

from jaxnst.study import StudyOptions, run_study

run_study("photo.jpg", "painting.jpg", "out", StudyOptions(networks=("vgg19",)))
"""

from jaxnst.study.findings import NetworkResults, Study, conclusions
from jaxnst.study.plan import StudyOptions
from jaxnst.study.report import Report
from jaxnst.study.results import run_study

__all__ = [
    "NetworkResults",
    "Report",
    "Study",
    "StudyOptions",
    "conclusions",
    "run_study",
]
