-- What open readers may see of free text, and the work queue: findings as tasks of a unit.

-- Keyed by API name; a key that is missing is held back. `screening` names the scanner's version.
ALTER TABLE record ADD COLUMN screened jsonb, ADD COLUMN screening text;

-- One row for each fault of each matter; told again it is the same row, mended it is closed.
ALTER TABLE quality_issue
    ADD COLUMN unit_id      text NOT NULL DEFAULT '',         -- USCC of the unit that must act, '' unknown
    ADD COLUMN severity     text NOT NULL DEFAULT 'warning',
    ADD COLUMN layout       text NOT NULL DEFAULT '',         -- record kind, or kind of registry file
    ADD COLUMN field        text NOT NULL DEFAULT '',         -- header as in the file
    ADD COLUMN reason       text NOT NULL DEFAULT '',
    ADD COLUMN record_id    uuid,                             -- record, relation or body it is about
    ADD COLUMN matter       bytea,                            -- keyed digest of issuer, natural key and name
    ADD COLUMN stamp        timestamptz,                      -- order of the statement that has the fault
    ADD COLUMN batch_sha    bytea,
    ADD COLUMN closed_by    text,                             -- INTAKE, or who decided
    ADD COLUMN close_reason text;
CREATE INDEX quality_issue_open ON quality_issue (unit_id, kind, opened_at, issue_id)
    WHERE closed_at IS NULL;
CREATE INDEX quality_issue_order ON quality_issue (opened_at, issue_id);
CREATE INDEX quality_issue_layout ON quality_issue (layout) WHERE closed_at IS NULL;
CREATE INDEX quality_issue_record ON quality_issue (record_id)
    WHERE closed_at IS NULL AND record_id IS NOT NULL;
CREATE INDEX quality_issue_matter ON quality_issue (matter)
    WHERE closed_at IS NULL AND matter IS NOT NULL;
CREATE INDEX quality_issue_line ON quality_issue (batch_id, line_no) WHERE closed_at IS NULL;
