import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.sadeem_portainer.transactions import Busy, in_own_transaction, locked

from .sadeem_portainer_environment import BUILD_CONTAINERS
from .sadeem_saas_docker_placement import WAIT


@dataclass
class _Candidate:
    """An environment of an image: the obstacle is '' where there is room."""

    environment_id: int
    name: str
    free: int
    most: int
    obstacle: str


class SadeemPortainerImage(models.Model):
    """Where the stacks of clients go."""

    _inherit = "sadeem.portainer.image"

    def _place(self, containers, client):
        """Room for a client's containers, taken at once for all to see; returns the placement.

        A client that has a place keeps it. A new one is given back when this transaction fails.
        A transaction that began before does not see what was written; read it in one of its own.

        :raises UserError: no environment has room, with the reason of each
        """
        self.ensure_one()
        vals = {"containers": containers, "holder": str(uuid.uuid4())}
        Placement = self.env["sadeem.saas.docker.placement"]
        if kept := in_own_transaction(client, lambda client: client.docker_placement_ids.ids):
            placement = Placement.browse(kept)
            self._keep_place(placement, client, vals)
        else:
            placement = Placement.browse(self._place_anew(client, vals))
            self.env.cr.postrollback.add(lambda: placement._give_back(vals["holder"]))
        return placement

    def _keep_place(self, placement, client, vals: dict):
        environment_id = in_own_transaction(
            placement, lambda placement: placement.environment_id.id
        )
        _placement_id, lack = self._reserve_in(environment_id, client, vals)
        if lack:
            environment = self.env["sadeem.portainer.environment"].browse(environment_id)
            raise UserError(
                self.env._(
                    "%(client)s cannot grow on %(environment)s: %(reason)s.",
                    client=client.name,
                    environment=environment.name,
                    reason=lack,
                )
            )

    def _choose_to_build(self, template):
        """The environment where a template is built.

        :raises UserError: no environment has room, with the reason of each
        """
        candidates = self._find_candidates(BUILD_CONTAINERS)
        for candidate in self._find_answering(candidates):
            return self.env["sadeem.portainer.environment"].browse(candidate.environment_id)
        raise self._make_refusal(template, candidates)

    def _find_candidates(self, containers: int) -> list[_Candidate]:
        """The environments of the image as they are now, in the order in which they are tried."""
        environments = self.line_ids.environment_id or self.environment_id
        if not environments:
            raise UserError(
                self.env._("%(image)s has no environment. Add one to it.", image=self.name)
            )
        environments._refresh_stale(failed_too=True)
        # What was just read was written down after this transaction began.
        return in_own_transaction(self, lambda image: image._rank(environments.ids, containers))

    def _find_answering(self, candidates: list[_Candidate]) -> Iterator[_Candidate]:
        """Those with room, each when it has just answered."""
        for candidate in candidates:
            if candidate.obstacle:
                continue
            environment = self.env["sadeem.portainer.environment"].browse(candidate.environment_id)
            candidate.obstacle = environment._find_silence()
            if not candidate.obstacle:
                yield candidate

    def _make_refusal(self, subject, candidates) -> UserError:
        return UserError(
            self.env._(
                "No environment can take %(client)s now.\n%(reasons)s",
                client=subject.name,
                reasons="\n".join(f"{found.name}: {found.obstacle}" for found in candidates),
            )
        )

    def _place_anew(self, client, vals: dict) -> int:
        candidates = self._find_candidates(vals["containers"])
        for candidate in self._find_answering(candidates):
            reason = self._explain(candidate, candidates)
            placement_id, lack = self._reserve_in(
                candidate.environment_id, client, {**vals, "reason": reason}
            )
            if placement_id:
                return placement_id
            candidate.obstacle = lack
        raise self._make_refusal(client, candidates)

    def _reserve_in(self, environment_id: int, client, vals: dict) -> tuple:
        """See ``sadeem.portainer.environment._reserve``; waits for those who were earlier."""
        environment = self.env["sadeem.portainer.environment"].browse(environment_id)
        client_id = client.id
        try:
            with locked(environment, wait=WAIT):
                return in_own_transaction(
                    environment, lambda environment: environment._reserve(client_id, vals)
                )
        except Busy:
            return False, self.env._("somebody else was at work on it for a minute")

    def _rank(self, environment_ids: list[int], containers: int) -> list[_Candidate]:
        """The environments in the order in which they are tried."""
        candidates = [
            _Candidate(
                environment.id,
                environment.display_name,
                environment.available_capacity,
                environment.max_running_containers,
                environment._find_exposure() or environment._find_obstacle(containers),
            )
            for environment in self.env["sadeem.portainer.environment"].browse(environment_ids)
        ]
        if self.select_environment_by == "used":
            candidates.sort(key=lambda candidate: -candidate.free)
        return candidates

    def _explain(self, chosen: _Candidate, candidates: list[_Candidate]) -> str:
        """Why this one, and why none of the others; a line for each."""
        by_room = self.select_environment_by == "used"
        if by_room:
            rule = self.env._("it has the most room")
        else:
            rule = self.env._("it is the first in the order that has room")
        lines = [
            self.env._(
                "%(name)s: %(rule)s; %(free)s of %(most)s containers were free",
                name=chosen.name,
                rule=rule,
                free=chosen.free,
                most=chosen.most,
            )
        ]
        for other in candidates:
            if other is chosen:
                continue
            passed = self.env._("has less room: %(free)s were free", free=other.free)
            if not by_room:
                passed = self.env._("comes later in the order")
            lines.append(
                self.env._(
                    "Not %(name)s: %(reason)s", name=other.name, reason=other.obstacle or passed
                )
            )
        return "\n".join(lines)
