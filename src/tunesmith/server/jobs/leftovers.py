"""What jobs that have ended need no more: their hold on input files, and checkpoints to resume from."""

from typing import LiteralString

from tunesmith.server.db import Database, driver
from tunesmith.server.storage import uploads, uses
from tunesmith.server.storage.blobs import BlobStore

AT_ONCE = 200
KEPT_S = 24 * 3600.0
"""Resume checkpoints of an ended job are kept this long: bytes are not destroyed in haste."""

ENDED: LiteralString = """
SELECT id FROM jobs JOIN blob_uses ON holder = jobs.id
WHERE status IN ('succeeded', 'failed', 'cancelled') GROUP BY id LIMIT %(limit)s"""

# Also what a crash between two steps of a worker left behind: results of epochs that did not succeed.
UNNEEDED: LiteralString = """
SELECT u.id FROM uploads u JOIN jobs j ON j.id = u.job_id
WHERE u.state = 'committed' AND j.finished_at < tunesmith_now() - make_interval(secs => %(kept_s)s)
  AND (u.kind = 'resume' OR (u.kind = 'result'
    AND NOT EXISTS (SELECT FROM model_versions m WHERE m.upload_id = u.id AND m.deleted_at IS NULL)))
LIMIT %(limit)s"""

DROP_RESUME: LiteralString = """
UPDATE checkpoints SET dropped_at = tunesmith_now() WHERE upload_id = ANY(%(uploads)s) AND kind = 'resume'"""


async def let_go(db: Database, blobs: BlobStore) -> int:
    """Lets go of it; how many jobs and uploads. Bytes that nobody else uses are deleted."""
    async with db.session() as session:
        connection = await driver(session)
        jobs = [r[0] for r in await (await connection.execute(ENDED, {"limit": AT_ONCE})).fetchall()]
        unused = [sha256 for job_id in jobs for sha256 in await uses.let_go(session, job_id)]
        parameters = {"kept_s": KEPT_S, "limit": AT_ONCE}
        ended = [r[0] for r in await (await connection.execute(UNNEEDED, parameters)).fetchall()]
        if ended:
            await connection.execute(DROP_RESUME, {"uploads": ended})
            unused += await uploads.drop_uploads(session, ended)
    await uses.sweep(db, blobs, sorted(set(unused)))
    return len(jobs) + len(ended)
