-- Documents that a caller registered: what a partner's or a department's system may ask in
-- production. Each change reloads the directory of keys in every worker.
CREATE TABLE trusted_document (
    caller_id text NOT NULL,
    digest    bytea NOT NULL CHECK (octet_length(digest) = 32),  -- SHA-256 of the document's text
    document  text NOT NULL,
    name      text NOT NULL DEFAULT '',
    added_by  text NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller_id, digest)
);
CREATE TRIGGER trusted_document_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON trusted_document FOR EACH STATEMENT EXECUTE FUNCTION key_registry_changed();
