-- A user's jobs are done one at a time, the oldest turn's first: what tells whether an older one is open,
CREATE INDEX turns_user_jobs ON turns (user_id, created_at, id) WHERE job_due_at IS NOT NULL;
-- and whether somebody is at one.
CREATE INDEX turns_claims ON turns (user_id, job_until) WHERE job_until IS NOT NULL;
