"""``saas-agent``: what the portal runs in the container. Each command prints one line of JSON.

prepare JOB                          make the job's folder and tell its path
start JOB VERB ARGUMENTS [SECONDS]   begin a job in the background, then wait for it; the same job
                                     twice is one job
wait JOB SECONDS                     how the job ended, or that it runs still
stop JOB                             end a job that works, with its programs
forget JOB                           remove the job's folder
do VERB ARGUMENTS                    do at once what takes a moment
"""

import json
import sys

from saas_driver import DriverRejected

from .jobs import Jobs, adopt, ended_state
from .settings import Settings
from .verbs import Verbs

#: A call through the portal's proxy must end; longer work is waited for again.
_LONGEST = 20


class JobState(dict):
    """The state of a job, as opposed to that of the command that asked for it."""


def main(arguments: list[str]) -> None:
    settings = Settings.read()
    jobs = Jobs(settings.folder)
    if arguments[:1] == ["run"]:
        adopt(int(arguments[2]))
        jobs.run(arguments[1], lambda *work: Verbs(settings).do(*work))
        return
    answer = ended_state(lambda: _answer(settings, jobs, arguments))
    if answer["state"] == "done" and isinstance(answer["result"], JobState):
        answer = answer["result"]
    sys.stdout.write(json.dumps(answer) + "\n")


def _answer(settings: Settings, jobs: Jobs, arguments: list[str]) -> object:
    match arguments:
        case ["prepare", job]:
            return jobs.prepare(job)
        case ["start", job, verb, given]:
            return jobs.start(job, verb, json.loads(given))
        case ["start", job, verb, given, seconds]:
            jobs.start(job, verb, json.loads(given))
            return JobState(jobs.wait(job, min(float(seconds), _LONGEST)))
        case ["wait", job, seconds]:
            return JobState(jobs.wait(job, min(float(seconds), _LONGEST)))
        case ["stop", job]:
            return jobs.stop(job)
        case ["forget", job]:
            return jobs.forget(job)
        case ["do", verb, given]:
            return Verbs(settings).do(verb, json.loads(given))
    raise DriverRejected("the agent does not know this command: the image is older than the portal")


if __name__ == "__main__":
    main(sys.argv[1:])
