"""Intake of department files: `import_paths` reads, judges, applies and reports."""

from store.intake.context import IntakeRules
from store.intake.importer import BatchSummary, ImportSummary, import_paths

__all__ = ["BatchSummary", "ImportSummary", "IntakeRules", "import_paths"]
