"""What must hold on the operator's machine, in the clusters and on the VMs, checked; each finding says what to do."""

from vmmesh.doctor.examination import CHECKS, examine
from vmmesh.doctor.finding import Finding, document, passed, show

__all__ = ["CHECKS", "Finding", "document", "examine", "passed", "show"]
