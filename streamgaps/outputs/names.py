"""What the files of a results folder are called, and how those of ours are known."""

__all__ = ["GAPS_NAME", "GENERATOR", "GROUPS", "METRICS_NAME", "REPORT_NAME"]

GAPS_NAME = "kpi_gaps.jsonl"
REPORT_NAME = "kpi_gaps_report.txt"
METRICS_NAME = "kpi_metrics.json"

GENERATOR = "streamgaps"
"""How `generator` in the metrics begins, which tells them from a file of somebody else's."""

GROUPS = '\n  "groups": '
"""Where the groups begin in the metrics: they are last, and so what is before them can be read without."""
