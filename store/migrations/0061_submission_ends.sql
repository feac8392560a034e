-- A submission ends with the job that reads it, however that ends: cancelled while it waits or reads,
-- abandoned, or no longer trusted. Whoever asks for it would wait for ever; its kept file goes too.
CREATE FUNCTION end_submission() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE ended submission;
BEGIN
    UPDATE submission
       SET state = 'REFUSED', finished_at = now(), code = coalesce(NEW.code, 'JOB_CANCELLED'),
           message = coalesce(NEW.message, 'submit the file again: its job was cancelled')
     WHERE submission_id = (SELECT submission_id FROM submission
                             WHERE job_id = NEW.job_id AND state IN ('RECEIVED', 'READING'))
    RETURNING * INTO ended;
    DELETE FROM upload
     WHERE caller = NEW.caller AND name = '.submission-' || ended.submission_id;
    RETURN NULL;
END $$;
CREATE INDEX submission_unread ON submission (job_id) WHERE state IN ('RECEIVED', 'READING');
CREATE TRIGGER submission_ends AFTER UPDATE OF state ON job
    FOR EACH ROW WHEN (NEW.kind = 'INTAKE' AND NEW.state IN ('FAILED', 'CANCELLED'))
    EXECUTE FUNCTION end_submission();

UPDATE submission s SET state = 'REFUSED', finished_at = now(), code = 'JOB_CANCELLED',
       message = 'submit the file again: its job ended before it was read'
 WHERE s.state IN ('RECEIVED', 'READING')
   AND NOT EXISTS (SELECT FROM job j WHERE j.job_id = s.job_id
                    AND j.state IN ('REVIEW', 'QUEUED', 'RUNNING'));
