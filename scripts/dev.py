"""The verbs of `./dev` that need Python; called by `./dev` after the setup."""

import sys

from devkit.console import PLAIN, RED, Failure


def main(verb, *arguments):
    if verb == "test":
        from devkit.testing import run_tests

        return run_tests(arguments)
    if verb == "lint":
        from devkit.testing import run_tests

        return run_tests(("lint",))
    if verb == "bench":
        from devkit.benchmarks import run_benchmark

        return run_benchmark(arguments)
    if verb == "i18n":
        from devkit.translations import refresh

        refresh(*arguments)
        return 0
    if verb in ("docker", "portainer"):
        from devkit import docker_verbs

        getattr(docker_verbs, verb)(*arguments)
        return 0
    from devkit.service import Service

    service = Service()
    if verb == "reset":
        unknown = set(arguments) - {"--all", "--yes"}
        if unknown:
            raise Failure(f"reset knows --all and --yes, not {' '.join(sorted(unknown))}")
        service.reset(everything="--all" in arguments, sure="--yes" in arguments)
    elif verb == "cluster":
        service.start_cluster()
    else:
        getattr(service, verb)(*arguments)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failure as error:
        print(f"{RED}error:{PLAIN} {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does
        sys.stdout = None
        sys.exit(141)
