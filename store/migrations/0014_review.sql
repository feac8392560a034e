-- Audit review: the searchable index of sealed entries, what the rules found in it, the queue.

-- The logs that are indexed, and how far: entries below `size` stand in access_index.
CREATE TABLE indexed_log (
    log_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin text NOT NULL UNIQUE,
    size   bigint NOT NULL DEFAULT 0
);

-- Which types of the API a set of coordinates shows; `digest` as in coordinate_set.
CREATE TABLE access_shape (
    shape_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest   bytea NOT NULL UNIQUE,
    types    text[] NOT NULL
);
CREATE INDEX access_shape_types ON access_shape USING gin (types);

-- One row per sealed entry, made from the bundles and made again from them at any time. Every
-- index ends with the place in the log, newest first is a backward scan of it; what the public
-- asks, most of all entries, stands in the primary key alone.
CREATE TABLE access_index (
    log_id      smallint NOT NULL,
    index       bigint NOT NULL,
    leaf        bytea NOT NULL,
    time        timestamptz NOT NULL,
    shape_id    integer,
    rows        integer NOT NULL,
    subjects    integer NOT NULL,
    persons     integer NOT NULL,
    records     integer NOT NULL,
    status      smallint NOT NULL,
    kind        text NOT NULL,
    caller      text NOT NULL,          -- '' for the node's own events
    role        text NOT NULL,
    decision    text NOT NULL,
    reason      text,
    unit        text,                   -- of the caller when the entry was indexed
    actor       text,
    purpose     text,
    case_number text,
    correlation text,
    missing     text[],                 -- HMACs of what was asked for and not found
    PRIMARY KEY (log_id, index)
);
CREATE INDEX access_index_caller ON access_index (log_id, caller, index) WHERE role <> 'PUB';
CREATE INDEX access_index_unit ON access_index (log_id, unit, index) WHERE unit IS NOT NULL;
CREATE INDEX access_index_actor ON access_index (log_id, actor, index) WHERE actor IS NOT NULL;
CREATE INDEX access_index_purpose ON access_index (log_id, purpose, index) WHERE purpose IS NOT NULL;
CREATE INDEX access_index_case ON access_index (log_id, case_number, index)
 WHERE case_number IS NOT NULL;
CREATE INDEX access_index_correlation ON access_index (log_id, correlation, index)
 WHERE correlation IS NOT NULL;
CREATE INDEX access_index_reason ON access_index (log_id, reason, index) WHERE reason IS NOT NULL;
CREATE INDEX access_index_kind ON access_index (log_id, kind, index) WHERE kind <> 'QUERY';
CREATE INDEX access_index_shape ON access_index (log_id, shape_id, index) WHERE shape_id IS NOT NULL;

-- The earliest and latest time of each 4,096 entries: a period becomes a span of places.
CREATE TABLE access_span (
    log_id   smallint NOT NULL,
    span     bigint NOT NULL,
    earliest timestamptz NOT NULL,
    latest   timestamptz NOT NULL,
    PRIMARY KEY (log_id, span)
);

-- Entries counted by hour: half-year statistics, and a caller's own measure.
CREATE TABLE access_hour (
    log_id   smallint NOT NULL,
    hour     timestamptz NOT NULL,
    caller   text NOT NULL,
    role     text NOT NULL,
    purpose  text NOT NULL,             -- '' without one
    decision text NOT NULL,
    entries  bigint NOT NULL,
    subjects bigint NOT NULL,
    persons  bigint NOT NULL,
    records  bigint NOT NULL,
    PRIMARY KEY (log_id, hour, caller, role, purpose, decision)
);
CREATE INDEX access_hour_caller ON access_hour (log_id, caller, hour);

-- Which subjects of class person an entry disclosed, without looking at every subject.
CREATE INDEX subject_person_ref ON subject (audit_ref) WHERE category = 'NATURAL_PERSON';

-- What a caller met on a day: counted once each, so that rules count persons and not rows.
CREATE TABLE access_seen (
    day   date NOT NULL,
    rule  text NOT NULL,
    who   text NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (day, rule, who, value)
);

-- How far the rules of a version have looked.
CREATE TABLE review_position (
    log_id  smallint NOT NULL,
    version text NOT NULL,
    size    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (log_id, version)
);

CREATE TABLE access_finding (
    finding_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    rule       text NOT NULL,
    version    text NOT NULL,           -- of the rules
    key        text NOT NULL,           -- the matter: a second sign of it is no second finding
    caller     text NOT NULL,
    actor      text,
    unit       text,
    log_id     smallint,
    indexes    bigint[] NOT NULL DEFAULT '{}',  -- the first entries that show it
    signs      bigint NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    first_time timestamptz NOT NULL,
    last_time  timestamptz NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT now(),
    deadline   date NOT NULL,
    state      text NOT NULL DEFAULT 'OPEN'
               CHECK (state IN ('OPEN', 'IN_REVIEW', 'CLOSED_JUSTIFIED', 'CLOSED_VIOLATION')),
    reviewer   text,
    closed_at  timestamptz,
    reason     text,
    UNIQUE (rule, key),
    CHECK ((state IN ('CLOSED_JUSTIFIED', 'CLOSED_VIOLATION')) = (closed_at IS NOT NULL)),
    CHECK (closed_at IS NULL OR reason <> ''),
    CHECK ((state = 'OPEN') = (reviewer IS NULL))
);
CREATE INDEX access_finding_state ON access_finding (state, number);
CREATE INDEX access_finding_caller ON access_finding (caller, number);

-- Each decision as it was taken; `leaf` is its entry in the audit log.
CREATE TABLE finding_decision (
    finding_id uuid NOT NULL REFERENCES access_finding,
    decided_at timestamptz NOT NULL,
    decided_by text NOT NULL,
    state      text NOT NULL,
    reason     text NOT NULL,
    salt       bytea NOT NULL,
    leaf       bytea NOT NULL,
    PRIMARY KEY (finding_id, decided_at)
);

-- Subjects whose every reading is reviewed: persons of public life, and those of the office.
CREATE TABLE vip_subject (
    subject_id uuid PRIMARY KEY,
    reason     text NOT NULL CHECK (reason <> ''),
    added_by   text NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now()
);

-- The weekly sample: drawn by a seed that the log itself gives.
CREATE TABLE access_sample (
    log_id     smallint NOT NULL,
    week       text NOT NULL,           -- ISO 8601, 2026-W27
    first      bigint NOT NULL,
    size       bigint NOT NULL,
    root       bytea NOT NULL,
    seed       bytea NOT NULL,
    population bigint NOT NULL,
    chosen     bigint NOT NULL,
    drawn_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log_id, week)
);

-- How far PostgreSQL's own log was read.
CREATE TABLE postgres_log_position (
    file     text PRIMARY KEY,
    position bigint NOT NULL
);
