"""What is seen does not depend on whether the engine holds the case in memory or has just read it from the store."""

from stegvis.engine.engine import Engine

from .toys import HEAD, KURATOR, World


def test_a_guide_is_the_same_of_a_case_held_and_of_one_read_anew() -> None:
    world = World()
    case = world.lantern(protected=True, child=True)
    for step in (None, "note", "flee"):
        if step is not None:
            world.take(case, step, KURATOR, form={"line": "En rad"} if step == "note" else {})
        for actor in (KURATOR, HEAD):
            held = world.engine.guide(case, actor=actor)
            read = Engine(world.library, world.store, clock=world.clock).guide(case, actor=actor)
            assert [fact.fact for fact in held.facts] == [fact.fact for fact in read.facts]
            assert held.digest == read.digest
