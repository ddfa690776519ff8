"""A hand-off arrives whatever digits its random id happens to hold, a personal number's among them."""

from stegvis.routines.form import is_reference

from .toys import KURATOR, SCHOOL, SOCIAL, World

UNLUCKY = "3a384e4c2be4560bb7c63c5607799029"


def test_a_hand_off_whose_id_looks_like_a_personal_number_arrives() -> None:
    assert is_reference(UNLUCKY)
    assert not is_reference("811218-9876")
    world = World()
    case = world.lantern()
    world.take(case, "flee", KURATOR)
    ids, chance = [bytes.fromhex(UNLUCKY)], world.engine.files.entropy

    def entropy(size: int) -> bytes:
        return ids.pop() if size == 16 and ids else chance(size)

    world.engine.files.entropy = entropy
    world.take(case, "tell", KURATOR)
    assert [row.id for row in world.store.outbox(SCHOOL)] == [UNLUCKY]
    assert world.engine.deliver(SCHOOL) == 1
    assert len(list(world.store.cases(SOCIAL))) == 1
