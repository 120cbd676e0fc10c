"""The engine over the shipped files: one machine a definition, no record attached, no silent no."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

import edu_pilot  # noqa: F401  (fills the registry with the shipped rules and effects)
from edu_pilot import paths
from edu_pilot.workflow.definition import OTHERWISE, SAME, Action, Definition, Target
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.reasons import Forbidden, Refused
from edu_pilot.workflow.registry import Actor, Attempt, Registry, shipped
from edu_pilot.workflow.versions import Compiled, compile_files, read_folder

SHIPPED = compile_files(read_folder(paths.workflows()), shipped)
ALL_ACTIONS = [(name, action.name) for name, e in SHIPPED.engines.items() for action in e.definition.actions.values()]
DAY = date(2022, 9, 1)


def attempt(workflow: str, action: str, state: str, roles: frozenset[str]) -> Attempt:
    actor = Actor("1", "x", roles)
    return Attempt(SimpleNamespace(state=state), action, actor, {}, SHIPPED.policy, DAY)


@pytest.mark.parametrize(("workflow", "action"), ALL_ACTIONS)
def test_no_role_outside_the_list_may_ever_take_a_step(workflow: str, action: str) -> None:
    """R6.2: denied unless permitted."""
    engine = SHIPPED.engines[workflow]
    found = engine.action(action)
    others = frozenset(SHIPPED.roles) - set(found.by)
    for state in engine.definition.states:
        with pytest.raises(Forbidden):
            engine.permit(attempt(workflow, action, state, others))


@pytest.mark.parametrize(("workflow", "action"), ALL_ACTIONS)
def test_no_step_starts_elsewhere(workflow: str, action: str) -> None:
    engine = SHIPPED.engines[workflow]
    found = engine.action(action)
    for state in set(engine.definition.states) - set(found.sources):
        with pytest.raises(Refused) as refusal:
            engine.permit(attempt(workflow, action, state, frozenset(found.by)))
        assert [reason.code for reason in refusal.value.reasons] == ["not_from_this_state"]


def steps() -> Iterator[tuple[Definition, Action]]:
    for engine in SHIPPED.engines.values():
        for action in engine.definition.actions.values():
            yield engine.definition, action


def test_every_branch_ends_in_otherwise() -> None:
    for _, action in steps():
        assert action.targets[-1].condition is None
        assert all(target.condition for target in action.targets[:-1])
        assert OTHERWISE not in {target.condition for target in action.targets}


def test_every_final_state_is_left_by_nothing() -> None:
    """A step that keeps the state, such as a consent withdrawn, may still be taken."""
    for definition, action in steps():
        if {target.state for target in action.targets} != {SAME}:
            assert not [s for s in action.sources if definition.states[s].final], action.name


def test_an_auditor_may_take_no_step_at_all() -> None:
    """R6.3: reads all and changes nothing."""
    assert not [action.name for _, action in steps() if "auditor" in action.by]


def test_an_administrator_decides_no_case() -> None:
    """R6.3."""
    assert not [action.name for _, action in steps() if "admin" in action.by]


def test_the_operator_makes_no_human_decision() -> None:
    """Contract: it imports and administers; each of these steps takes in a list that an office sends."""
    imports = {"register", "take_over", "record_score", "graduate"}
    assert {a.name for _, a in steps() if "operator" in a.by} == imports


def test_the_machine_holds_no_record() -> None:
    """`add_model` would keep every record alive and set a stored one's state back."""
    engine = SHIPPED.engines["study"]
    records = [SimpleNamespace(state="enrolled") for _ in range(100)]
    for record in records:
        decided = Attempt(record, "withdraw", Actor("1", "x", frozenset()), {}, SHIPPED.policy, DAY)
        assert engine.decide(decided) == "withdrawn"
    assert engine.machine.models == []
    assert {record.state for record in records} == {"enrolled"}
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o).__name__ == "_Token"]


def test_a_branch_without_a_way_out_is_loud() -> None:
    """A definition made by hand, past the reader's check: the engine raises instead of doing nothing."""
    registry = Registry()

    @registry.condition
    def never(_attempt: Attempt) -> bool:
        return False

    definition = SHIPPED.engines["session"].definition
    opened = definition.actions["open"]
    broken = replace(opened, targets=(Target("open", "never"),))
    actions = {**definition.actions, "open": broken}
    engine = Engine(replace(definition, actions=actions), registry)
    with pytest.raises(RuntimeError, match="no branch of open holds"):
        engine.decide(attempt("session", "open", "planned", frozenset({"examiner"})))


def test_the_shipped_files_compile() -> None:
    compiled: Compiled = SHIPPED
    assert set(compiled.engines) == {
        "application", "study", "certification", "claim", "session", "payment",
    }  # fmt: skip
