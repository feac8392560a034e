-- Subjects, identifiers, records and relations with both clocks, intake journal, outbox.
-- Every subject-scoped table has subject_id in its primary key and no constraint crosses
-- subjects, so that the same schema can be distributed by subject_id.

CREATE TABLE region (
    region_id     text PRIMARY KEY,
    gbt2260_code  text,
    name          text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('PROVINCE', 'PREFECTURE', 'COUNTY', 'FUNCTIONAL_ZONE')),
    parent_id     text,
    valid_from    date,
    valid_to      date,
    demo          boolean NOT NULL DEFAULT false
);
CREATE INDEX region_code ON region (gbt2260_code);

CREATE TABLE unit (
    unit_id    text PRIMARY KEY,            -- USCC of the unit 单位
    name       text NOT NULL,
    region_id  text,
    is_source  boolean NOT NULL DEFAULT false,
    is_issuer  boolean NOT NULL DEFAULT false
);

CREATE TABLE subject (
    subject_id   uuid PRIMARY KEY,
    category     text NOT NULL CHECK (category IN ('LEGAL_ENTITY', 'INDIVIDUAL_BUSINESS', 'NATURAL_PERSON', 'LOAN')),
    placeholder  boolean NOT NULL DEFAULT false,  -- 重错码 or unresolved: waits for a steward
    merged_into  uuid,
    audit_ref    bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- All codes, old and new, foreign ones too. value is normalised; person numbers are blind indexes.
CREATE TABLE identifier (
    value       text NOT NULL,
    scheme      text NOT NULL,
    subject_id  uuid NOT NULL,
    is_first    boolean NOT NULL DEFAULT false,   -- the one the subject's id was made from
    is_open     boolean NOT NULL DEFAULT true,    -- false: never shown, only matched
    valid_from  date,
    valid_to    date,
    PRIMARY KEY (value, scheme, subject_id)
);
CREATE INDEX identifier_subject ON identifier (subject_id, scheme, value);

-- Base information 基本信息 of legal entities and individual businesses: the shown statement.
CREATE TABLE organisation (
    subject_id          uuid PRIMARY KEY,
    category            text NOT NULL CHECK (category IN ('LEGAL_ENTITY', 'INDIVIDUAL_BUSINESS')),
    name                text NOT NULL,
    name_en             text,
    uscc                text,
    org_code            text,
    entity_type         text,
    reg_status          text,
    established_on      date,
    approved_on         date,
    deregistered_on     date,
    revoked_on          date,
    operating_from      date,
    operating_to        date,
    registered_capital  numeric(20, 6),          -- 万元
    paid_in_capital     numeric(20, 6),          -- 万元
    currency            text,
    address             text,
    region_id           text,                    -- current jurisdiction, never read out of the code
    industry            text,
    business_scope      text,
    reg_authority       text,
    legal_rep_name      text,
    origin_region       text NOT NULL,           -- city whose registry made the shown statement
    source_unit_name    text,
    source_unit_uscc    text,
    registered          boolean NOT NULL,        -- false: known only by what records say of it
    audit_ref           bytea NOT NULL,
    stamp               timestamptz NOT NULL,    -- order of statements: sent at
    batch_sha           bytea NOT NULL,          -- then batch
    line_no             integer NOT NULL,        -- then line
    digest              bytea NOT NULL,
    recorded_from       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX organisation_uscc ON organisation (uscc);
CREATE INDEX organisation_region ON organisation (region_id, name, subject_id);
CREATE INDEX organisation_order_name ON organisation (name, subject_id);
CREATE INDEX organisation_order_established ON organisation (established_on, subject_id);

CREATE TABLE organisation_version (
    subject_id     uuid NOT NULL,
    stamp          timestamptz NOT NULL,
    batch_sha      bytea NOT NULL,
    line_no        integer NOT NULL,
    digest         bytea NOT NULL,
    origin_region  text NOT NULL,
    content        jsonb NOT NULL,
    recorded_from  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, stamp, batch_sha, line_no)
);

-- Open names only, searched by fragments of two characters; carries no policy.
CREATE TABLE organisation_name (
    subject_id  uuid NOT NULL,
    name        text NOT NULL,
    is_former   boolean NOT NULL,
    valid_from  date,
    valid_to    date,
    bigrams     text[] NOT NULL,
    PRIMARY KEY (subject_id, name)
);
CREATE INDEX organisation_name_bigrams ON organisation_name USING gin (bigrams);

CREATE TABLE person (
    subject_id       uuid PRIMARY KEY,
    name             text NOT NULL,
    id_type          text,
    id_number        bytea,                     -- AES-256-GCM, key id inside; never plain
    birth_year       smallint,
    gender           text,
    residence_region text,
    is_stub          boolean NOT NULL,          -- no number: tied to one firm, never merged by name
    stub_firm_id     uuid,
    origin_region    text NOT NULL,
    audit_ref        bytea NOT NULL,
    stamp            timestamptz NOT NULL,
    batch_sha        bytea NOT NULL,
    line_no          integer NOT NULL,
    recorded_from    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX person_order_name ON person (name, subject_id);

CREATE TABLE loan (
    subject_id     uuid PRIMARY KEY,
    loan_no        text NOT NULL,
    lender_name    text,
    lender_code    text,
    amount         numeric(24, 8),              -- 元
    balance        numeric(24, 8),
    currency       text,
    issued_on      date,
    due_on         date,
    origin_region  text NOT NULL,
    audit_ref      bytea NOT NULL,
    stamp          timestamptz NOT NULL,
    batch_sha      bytea NOT NULL,
    line_no        integer NOT NULL,
    recorded_from  timestamptz NOT NULL DEFAULT now()
);

-- One record table for all kinds; hot fields of a kind are added as columns x_<field>.
CREATE TABLE record (
    subject_id          uuid NOT NULL,
    record_id           uuid NOT NULL,
    kind                text NOT NULL,
    origin_region       text NOT NULL,
    origin_platform     text,
    subject_category    text NOT NULL,
    reported_name       text NOT NULL,
    reported_code       text,
    reported_code_type  text,
    document_no         text,
    issuer_name         text,
    issuer_uscc         text,
    source_unit_name    text NOT NULL,
    source_unit_uscc    text NOT NULL,
    decision_date       date,
    received_at         timestamptz NOT NULL,
    class               char(1) NOT NULL CHECK (class IN ('O', 'G', 'A', 'R', 'I')),
    severity            text,
    rule_set_id         text,
    display_from        date,
    display_min_until   date,                    -- pubMinEnd: repairable from
    display_until       date,                    -- pubMaxEnd: not displayed on and after this day
    display_ended_on    date,                    -- pubEndedAt, before the maximum
    display_end_reason  text,
    query_until         date,                    -- end of the query clock
    status              text NOT NULL CHECK (status IN ('DRAFT', 'VALID', 'REPAIRED', 'WITHDRAWN', 'ARCHIVED', 'DELETED')),
    objection           boolean NOT NULL DEFAULT false,
    remark              text,
    fields              jsonb NOT NULL,
    secrets             jsonb,                   -- encrypted numbers, never selected by a query lane
    commitment          bytea NOT NULL,          -- SHA-256(salt || content)
    salt                bytea,
    valid_from          date,
    valid_to            date,
    stamp               timestamptz NOT NULL,
    batch_sha           bytea NOT NULL,
    batch_id            uuid,
    line_no             integer NOT NULL,
    digest              bytea NOT NULL,
    recorded_from       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, record_id)
);
CREATE INDEX record_by_subject ON record (subject_id, kind, decision_date DESC, record_id);
CREATE INDEX record_by_id ON record (record_id);
CREATE INDEX record_by_document ON record (document_no, issuer_uscc);
CREATE INDEX record_by_kind ON record (kind, decision_date DESC, record_id);

CREATE TABLE record_version (
    subject_id     uuid NOT NULL,
    record_id      uuid NOT NULL,
    stamp          timestamptz NOT NULL,
    batch_sha      bytea NOT NULL,
    line_no        integer NOT NULL,
    digest         bytea NOT NULL,
    status         text NOT NULL,
    content        jsonb,                        -- null once erased
    commitment     bytea NOT NULL,
    salt           bytea,
    valid_from     date,
    valid_to       date,
    recorded_from  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, record_id, stamp, batch_sha, line_no)
);

-- A relation is stored once per end, so that each end reads its own.
CREATE TABLE relation (
    subject_id        uuid NOT NULL,
    relation_id       uuid NOT NULL,
    direction         text NOT NULL CHECK (direction IN ('OUT', 'IN')),
    other_id          uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('HOLDS', 'LEGAL_REP_OF', 'OFFICER_OF', 'BRANCH_OF', 'GUARANTEES', 'BORROWS')),
    origin_region     text NOT NULL,
    class             char(1) NOT NULL CHECK (class IN ('O', 'G', 'A', 'R', 'I')),
    status            text NOT NULL DEFAULT 'VALID',
    share_min         numeric,                   -- fraction 0..1; equal to share_max when known
    share_max         numeric,
    share_stated      numeric,                   -- as stated, beside what the amounts give
    share_class       text,
    subscribed        numeric(20, 6),            -- 万元
    paid              numeric(20, 6),            -- 万元
    contribution_form text,
    subscribed_on     date,
    paid_on           date,
    position          text,
    guarantee_kind    text,
    amount            numeric(24, 8),            -- 元, null when unknown
    balance           numeric(24, 8),
    currency          text,
    loan_id           uuid,
    loan_no           text,
    creditor_name     text,
    creditor_code     text,
    reference_no      text,
    valid_from        date,
    valid_to          date,                      -- not in force on and after this day
    source_unit_name  text NOT NULL,
    source_unit_uscc  text NOT NULL,
    fields            jsonb NOT NULL DEFAULT '{}',
    stamp             timestamptz NOT NULL,
    batch_sha         bytea NOT NULL,
    batch_id          uuid,
    line_no           integer NOT NULL,
    digest            bytea NOT NULL,
    recorded_from     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, relation_id, direction)
);
CREATE INDEX relation_by_end ON relation (subject_id, kind, direction, other_id);
CREATE INDEX relation_by_id ON relation (relation_id);

CREATE TABLE relation_version (
    subject_id     uuid NOT NULL,
    relation_id    uuid NOT NULL,
    direction      text NOT NULL,
    stamp          timestamptz NOT NULL,
    batch_sha      bytea NOT NULL,
    line_no        integer NOT NULL,
    digest         bytea NOT NULL,
    status         text NOT NULL,
    content        jsonb,
    recorded_from  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_id, relation_id, direction, stamp, batch_sha, line_no)
);

-- Publication-period regimes 公示期规则 as data (records.md 9.1).
CREATE TABLE rule_set (
    rule_set_id  text PRIMARY KEY,
    name         text NOT NULL,
    source       text NOT NULL,
    in_force     date NOT NULL,
    repealed_on  date
);
CREATE TABLE rule_tier (
    rule_set_id  text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('MINOR', 'ORDINARY', 'SERIOUS')),
    domain       text NOT NULL DEFAULT '',       -- '' or a domain with a longer minimum
    displayed    boolean NOT NULL,
    min_months   smallint NOT NULL,
    max_months   smallint NOT NULL,
    PRIMARY KEY (rule_set_id, severity, domain)
);

-- Intake journal: a committed chunk and its row here are what is acknowledged.
CREATE TABLE batch (
    batch_id          uuid PRIMARY KEY,          -- UUIDv5 of (content digest, kind, source)
    sha256            bytea NOT NULL,
    kind              text NOT NULL,
    file_name         text NOT NULL,
    encoding          text NOT NULL,
    source_unit_name  text,
    source_unit_uscc  text,
    stamp             timestamptz NOT NULL,
    lines             integer,                   -- data lines, known when finished
    accepted          integer NOT NULL DEFAULT 0,
    with_findings     integer NOT NULL DEFAULT 0,
    rejected          integer NOT NULL DEFAULT 0,
    next_line         integer NOT NULL DEFAULT 0,
    finished_at       timestamptz,
    started_at        timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE batch_chunk (
    batch_id       uuid NOT NULL,
    first_line     integer NOT NULL,
    last_line      integer NOT NULL,
    accepted       integer NOT NULL,
    with_findings  integer NOT NULL,
    rejected       integer NOT NULL,
    committed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batch_id, first_line)
);
CREATE TABLE batch_finding (
    batch_id  uuid NOT NULL,
    line_no   integer NOT NULL,
    field     text NOT NULL,
    code      text NOT NULL,
    severity  text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    reason    text NOT NULL,
    PRIMARY KEY (batch_id, line_no, field, code)
);
CREATE TABLE batch_rejected (
    batch_id  uuid NOT NULL,
    line_no   integer NOT NULL,
    line      bytea NOT NULL,                    -- encrypted as a whole
    PRIMARY KEY (batch_id, line_no)
);

-- Work queue: codes shared by two bodies, unresolved records, conflicts.
CREATE TABLE quality_issue (
    issue_id    uuid PRIMARY KEY,
    kind        text NOT NULL,
    subject_id  uuid,
    batch_id    uuid,
    line_no     integer,
    detail      jsonb NOT NULL DEFAULT '{}',
    opened_at   timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz
);

-- What changed, in the transaction that changed it. Read by (xid, seq) below pg_snapshot_xmin.
CREATE TABLE outbox (
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    entity      text NOT NULL CHECK (entity IN ('SUBJECT', 'RELATION', 'RECORD')),
    entity_id   uuid NOT NULL,                   -- subject_id, relation_id or record_id
    subject_id  uuid NOT NULL,
    PRIMARY KEY (xid, seq)
);
CREATE TABLE outbox_position (
    consumer    text PRIMARY KEY,
    xid         xid8 NOT NULL,
    seq         bigint NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO rule_set VALUES
    ('R2019', '发改办财金〔2019〕527号', '2019-07-01 to 2023-04-30', '2019-07-01', '2023-05-01'),
    ('R2023', '国家发展改革委令第58号', '2023-05-01 to 2026-03-31', '2023-05-01', '2026-04-01'),
    ('R2026', '《信用修复管理办法》国家发展改革委令2025年第36号', 'from 2026-04-01', '2026-04-01', NULL);
INSERT INTO rule_tier (rule_set_id, severity, domain, displayed, min_months, max_months) VALUES
    ('R2019', 'MINOR',    '', false,  3, 12),
    ('R2019', 'ORDINARY', '', true,   3, 12),
    ('R2019', 'SERIOUS',  '', true,   6, 36),
    ('R2023', 'MINOR',    '', false,  3, 36),
    ('R2023', 'ORDINARY', '', true,   3, 36),
    ('R2023', 'ORDINARY', 'PUBLIC_SAFETY', true, 12, 36),
    ('R2023', 'SERIOUS',  '', true,  12, 36),
    ('R2026', 'MINOR',    '', false,  0,  3),
    ('R2026', 'ORDINARY', '', true,   3, 12),
    ('R2026', 'SERIOUS',  '', true,  12, 36);
