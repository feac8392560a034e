-- Evidence over the years: how long it is kept, who decided about it, when a third party saw it.

-- How many months what was asked can be shown again, by class of entry; the newest rule whose
-- valid_from has come holds. No rule may keep less than its source demands.
CREATE TABLE retention_rule (
    class      text NOT NULL CHECK (class IN ('QUERY', 'PROVISION', 'NETWORK', 'AUDIT')),
    valid_from date NOT NULL,
    months     integer NOT NULL,
    least      integer NOT NULL,
    source     text NOT NULL CHECK (source <> ''),
    PRIMARY KEY (class, valid_from),
    CHECK (months >= least AND least > 0)
);
INSERT INTO retention_rule (class, valid_from, months, least, source) VALUES
    ('QUERY', '2017-01-01', 120, 120, '浙江省公共信用信息管理条例 (2017) 第二十条: query register, 10 years'),
    ('PROVISION', '2025-01-01', 36, 36, '网络数据安全管理条例 (2024) 第十二条: records of provision, at least 3 years'),
    ('NETWORK', '2017-06-01', 6, 6, '网络安全法 第二十一条: network logs, at least 6 months'),
    ('AUDIT', '2017-01-01', 120, 120, 'as the query register that the auditor reads');

-- How far purging a class has come in a log: every entry of a lower index has been judged.
CREATE TABLE retention_state (
    log        text NOT NULL,
    class      text NOT NULL,
    next_index bigint NOT NULL CHECK (next_index >= 0),
    purged_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log, class)
);

-- What needs two persons: erasing evidence of several subjects, opening evidence of many.
CREATE TABLE evidence_decision (
    decision_id  text PRIMARY KEY,
    act          text NOT NULL CHECK (act IN ('ERASE', 'OPEN')),
    leaf         bytea NOT NULL,
    requested_by text NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    requested_at timestamptz NOT NULL DEFAULT now(),
    decided_by   text,
    decided_at   timestamptz,
    CHECK (decided_by <> requested_by)
);
CREATE INDEX evidence_decision_leaf ON evidence_decision (leaf);

-- Checkpoints handed to a time-stamping authority (RFC 3161), and what it gave back.
CREATE TABLE log_timestamp (
    digest       bytea PRIMARY KEY,              -- SHA-256 of the checkpoint's bytes
    log          text NOT NULL,
    size         bigint NOT NULL,
    checkpoint   bytea NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    token        bytea,                          -- the authority's answer, DER
    stamped_at   timestamptz,
    authority    text,
    CHECK ((token IS NULL) = (stamped_at IS NULL))
);
CREATE INDEX log_timestamp_size ON log_timestamp (log, size) WHERE token IS NOT NULL;

-- From a reference in evidence back to the subject, when the evidence is shown.
CREATE INDEX subject_audit_ref ON subject (audit_ref);
