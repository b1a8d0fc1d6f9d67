"""What a command writes, on its way to people."""

from root_ssh import LiveOutput


class World:
    """A clock that stands still, and what was handed on."""

    def __init__(self, *secrets):
        self.now, self.pieces = 0, []
        self.output = LiveOutput(self.pieces.append, secrets, pause=1, clock=lambda: self.now)

    def shown(self):
        self.output.finish()
        return "".join(self.pieces)


def test_lines_are_handed_on_at_a_sane_rate():
    world = World()
    world.output.add("one\n")
    world.output.add("two\n")
    world.output.add("three\n")
    assert world.pieces == ["one\n"]
    world.now = 1
    world.output.tick()
    assert world.pieces == ["one\n", "two\nthree\n"]


def test_half_a_line_waits_for_its_end():
    world = World()
    world.output.add("Get")
    world.now = 5
    world.output.tick()
    assert "".join(world.pieces) == ""
    world.output.add("ting\n")
    assert world.shown() == "Getting\n"


def test_secrets_do_not_get_through_even_in_pieces():
    world = World("hunter2", "KEY\nline-of-key\n", "hunter2000")
    for piece in ("login with hun", "ter2 and line", "-of-key, hunter2000\n", "hunter2"):
        world.output.add(piece)
        world.now += 5
    assert world.shown() == "login with … and …, …\n…\n"


def test_progress_colours_and_control_characters_are_taken_out():
    world = World()
    world.output.add("10%\r50%\r100%\r\n\x1b[1;32mdone\x1b[0m\x00\x07\tok\n")
    assert world.shown() == "100%\ndone\tok\n"


def test_a_flood_is_cut_to_its_end():
    world = World()
    world.output.add("first\n")
    world.output.add("x" * 100_000 + "\n" + "y\n" * 6000 + "last\n")
    shown = world.shown()
    assert shown.startswith("first\n…\n")
    assert shown.endswith("y\nlast\n")
    assert len(shown) < 9000


def test_a_line_without_an_end_is_shown_in_parts():
    world = World()
    world.output.add("z" * 2500)
    assert world.pieces == ["z" * 2000 + "\n"]
    assert world.shown() == "z" * 2000 + "\n" + "z" * 500 + "\n"
