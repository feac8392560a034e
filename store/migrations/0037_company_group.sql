-- Company groups 企业族群 as they were last found; ids stay while a group goes on.
CREATE TABLE company_group (
    group_id    uuid PRIMARY KEY,
    head_id     uuid NOT NULL,
    size        integer NOT NULL,
    snapshot    text NOT NULL,                   -- the state of the graph it was last found in
    since       timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz
);
CREATE UNIQUE INDEX company_group_by_head ON company_group (head_id) WHERE ended_at IS NULL;

CREATE TABLE company_group_member (
    subject_id  uuid PRIMARY KEY,                -- heads are members of their group
    group_id    uuid NOT NULL,
    since       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX company_group_member_by_group ON company_group_member (group_id, subject_id);

CREATE TABLE company_group_change (
    group_id    uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    change      text NOT NULL CHECK (change IN
                    ('CREATED', 'ENDED', 'HEAD_CHANGED', 'JOINED', 'LEFT')),
    subject_id  uuid,                            -- who joined or left, or the new head
    other_id    uuid,                            -- the former head
    other_group uuid,                            -- from or to which group
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, seq)
);

CREATE TABLE company_group_state (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    snapshot    text NOT NULL,
    day         date NOT NULL,
    found_at    timestamptz NOT NULL DEFAULT now()
);
