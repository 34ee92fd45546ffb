"""Forms of a diagnosis: HTML for notebooks and reports, text for terminals, SARIF for code hosts."""
