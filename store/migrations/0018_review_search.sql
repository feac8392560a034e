-- Searches of the access log that match little, whatever is combined.

CREATE INDEX access_index_denied ON access_index (log_id, index) WHERE decision <> 'ALLOWED';

-- Who asks under which purpose hangs together: without this a search for what never occurs together
-- is planned as if it did.
CREATE STATISTICS access_index_together (mcv)
    ON caller, unit, actor, purpose, kind, decision, reason, shape_id FROM access_index;
