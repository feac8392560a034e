-- When a change was made known: the time its transaction also gives the statements it keeps, so that
-- what held before and after a row can be told later. Rows written before this have none.
ALTER TABLE outbox ADD COLUMN recorded_at timestamptz;
ALTER TABLE outbox ALTER COLUMN recorded_at SET DEFAULT now();
