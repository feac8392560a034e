-- Investigations that a caller has saved: what was asked about whom, and the state it was asked of.
CREATE TABLE investigation (
    investigation_id  uuid PRIMARY KEY,
    owner             text NOT NULL,
    unit              text,                       -- whose callers may open it; null: the owner alone
    content           bytea NOT NULL,             -- encrypted: title, question, subjects, layout
    position          text NOT NULL,              -- of the graph or the snapshot
    as_of             date NOT NULL,
    saved_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX investigation_owner ON investigation (owner, saved_at DESC);
CREATE INDEX investigation_unit ON investigation (unit, saved_at DESC) WHERE unit IS NOT NULL;
