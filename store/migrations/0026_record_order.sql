-- The newest records of every kind, and those that came last, without sorting all of them.
CREATE INDEX record_by_decision ON record (decision_date DESC, record_id);
CREATE INDEX record_by_receipt ON record (received_at DESC, record_id);
