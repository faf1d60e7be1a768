"""What the files of a results folder are called, and how those of ours are known."""

__all__ = ["GAPS_NAME", "GENERATOR", "METRICS_NAME", "REPORT_NAME"]

GAPS_NAME = "kpi_gaps.jsonl"
REPORT_NAME = "kpi_gaps_report.txt"
METRICS_NAME = "kpi_metrics.json"

GENERATOR = "streamgaps"
"""How `generator` in the metrics begins, which tells them from a file of somebody else's."""
