"""`talecraft notes`: what the model is told beside a story, and what it sees of it all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from talecraft.cli import console, opening
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.process.messages import Stretch
    from talecraft.story.turns import LeftOut

app = typer.Typer(
    help="Memory, lore and notes to the model; and what it sees.", no_args_is_help=True
)
Story = Annotated[int, typer.Argument(metavar="STORY", help="The story's number.")]
Text = Annotated[str | None, typer.Argument(metavar="TEXT", help="Else what is piped in.")]
Title = Annotated[str, typer.Argument(metavar="TITLE")]
Here = Annotated[bool, typer.Option("--here", help="Only from the open end on, in this branch.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Number = int | None  # of an option that is as the notes have it where it is not given


def _given(text: str | None) -> str:
    """The argument, else what is piped in. Raises UsageError where there is neither: what is noted
    is only taken away by '' said so."""
    if text is not None:
        return text
    piped = console.read_stdin().strip()
    if not piped:
        raise UsageError(
            "There is no text.", "Give one, or pipe one in; '' takes away what is noted."
        )
    return piped


def _kept(story: int, text: str) -> None:
    console.note(f"Kept for story {story}." if text.strip() else f"Taken away from story {story}.")


@app.command()
def show(story: Story, as_json: Json = False) -> None:
    """All that is noted, as it holds at the story's open end."""
    with opening.studio() as studio:
        notes = studio.notebook.of(story)
    if as_json:
        console.out_json(msgspec.to_builtins(notes))
        return
    for name, text in (
        ("memory", notes.memory),
        (f"note to the model, {_before_the_end(notes.note.depth)}", notes.note.text),
        ("the story so far", notes.summary.text),
    ):
        if text:
            console.out(f"# {name}\n{text}\n")
    for entry in notes.ordered:
        called = "always told" if entry.always else ", ".join(entry.keys) or "its title"
        console.out(f"# {entry.kind}: {entry.title} (called by: {called})\n{entry.text}\n")
    if not notes.plans:
        console.out("The model is not shown its earlier plans.")


@app.command()
def memory(story: Story, text: Text = None, here: Here = False) -> None:
    """What the model is always told; '' takes it away."""
    given = _given(text)
    with opening.studio() as studio:
        studio.notebook.remember(story, given, here)
    _kept(story, given)


@app.command()
def tell(
    story: Story,
    text: Text = None,
    depth: Annotated[Number, typer.Option(min=0, help="Passages that come after it.")] = None,
    here: Here = False,
) -> None:
    """A word to the model that stands near the end of the text; '' takes it away."""
    from talecraft.story.notes import DEPTH

    given = _given(text)
    depth = DEPTH if depth is None else depth
    with opening.studio() as studio:
        studio.notebook.tell_model(story, given, depth, here)
    _kept(story, given)


@app.command("sofar")
def so_far(
    story: Story,
    text: Text = None,
    upto: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="It tells of passages 1 to N.")
    ] = None,
) -> None:
    """The story so far in your own words; '' leaves it to the plans' beats."""
    given = _given(text)
    with opening.studio() as studio:
        studio.notebook.sum_up(story, given, upto)
    _kept(story, given)


@app.command()
def plans(
    story: Story,
    shown: Annotated[bool, typer.Option("--show/--hide", help="Its earlier plans.")],
    here: Here = False,
) -> None:
    """Whether the model is shown its earlier plans, or the prose alone."""
    with opening.studio() as studio:
        studio.notebook.show_plans(story, shown, here)
    console.note(f"Kept for story {story}.")


@app.command()
def entry(
    story: Story,
    title: Title,
    text: Text = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="Calls it, or /a pattern/; commas divide; none: TITLE."),
    ] = None,
    character: Annotated[bool, typer.Option("--character", help="It is somebody.")] = False,
    always: Annotated[bool, typer.Option("--always", help="Told without a call.")] = False,
    priority: Annotated[
        Number, typer.Option(help="The highest come in where there is no room for all.")
    ] = None,
    scan: Annotated[Number, typer.Option(help="Passages looked through for its keys.")] = None,
    limit: Annotated[
        Number, typer.Option(help="The most of it that is told, in tokens; 0: all.")
    ] = None,
    here: Here = False,
) -> None:
    """Lore or a character, told when it is spoken of; one of that title is replaced."""
    from talecraft.story.notes import Entry, EntryKind, keys_of

    kind: EntryKind = "character" if character else "lore"
    keys = tuple(one for line in key or () for one in keys_of(line))
    numbers = {"priority": priority, "scan": scan, "limit": limit}
    said = {name: number for name, number in numbers.items() if number is not None}
    made = Entry(title, _given(text), kind, keys, always, **said)
    with opening.studio() as studio:
        studio.notebook.keep(story, made, studio.notebook.key_of(story, title), here)
    console.note(f"{title} is kept for story {story}.")


@app.command()
def forget(story: Story, title: Title, here: Here = False) -> None:
    """Take an entry out."""
    with opening.studio() as studio:
        studio.notebook.forget(story, studio.notebook.named(story, title), here)
    console.note(f"{title} is out.")


@app.command()
def draft(
    story: Story,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Without: of whom there could be one.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it as it is.")] = False,
) -> None:
    """An entry in the story's own words: what it says of somebody or something."""
    with opening.studio() as studio:
        if name is None:
            names = studio.notebook.names(story)
            for one in names:
                console.out(one)
            if not names:
                console.note("No name without an entry comes up three times.")
            return
        made = studio.notebook.draft(story, name)
        if keep:
            studio.notebook.keep(story, made)
    console.out(made.text)


@app.command("import")
def import_(
    story: Story, file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: Json = False
) -> None:
    """Take in a lorebook of SillyTavern, NovelAI or KoboldAI (JSON)."""
    with opening.studio() as studio:
        found, left = studio.notebook.take_in(story, file)
    if as_json:
        console.out_json(msgspec.to_builtins(found))
        return
    for one in found:
        console.out(one.title)
    out = f" {left} more say nothing that could be used." if left else ""
    console.note(f"{len(found)} entries are kept for story {story}.{out}")


@app.command()
def context(
    story: Story,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="As if you had written this next.")
    ] = "",
    turn: Annotated[
        int | None, typer.Option(metavar="ID", help="What it was shown for this turn.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What the model sees for the next passage, part by part, and what is left out."""
    from talecraft.cli.taste import narrate
    from talecraft.studio.waiting import Inbox

    inbox = Inbox()
    with opening.studio(None, inbox.put) as studio:
        studio.library.stories.get(story)
        using = studio.start_engine()
        inbox.loaded(using.id if using else None, narrate)
        if turn is not None:
            if studio.library.stories.turn(turn).story_id != story:
                raise UsageError(
                    f"Turn {turn} is of another story.", f"See talecraft stories tree {story}."
                )
            request = studio.looking.back(turn)
        else:
            request = studio.looking.ahead(story, text)
        read = inbox.prompt(request, narrate)
    if as_json:
        console.out_json(
            {
                "budget": read.budget,
                "parts": [_part(one) for one in read.stretches],
                "left_out": [msgspec.to_builtins(one) for one in read.left_out],
            }
        )
        return
    for one in read.stretches:
        console.out(f"--- {_named(one.source, one.name)}, {len(one.ids)} tokens")
        console.out(one.text.rstrip("\n"))
    for left in read.left_out:
        console.out(f"--- left out: {_left(left)}")
    used = sum(len(one.ids) for one in read.stretches)
    console.note(f"{used} of {read.budget} tokens.")


def _before_the_end(passages: int) -> str:
    return "at the end" if not passages else f"{passages} before the end"


def _part(one: Stretch) -> dict[str, Any]:
    return {
        "source": one.source, "name": one.name, "tokens": len(one.ids), "text": one.text,
        "ids": one.ids,
    }  # fmt: skip


def _named(source: str, name: str) -> str:
    return f"{source} {name}".strip()


def _left(one: LeftOut) -> str:
    tokens = f", {one.tokens} tokens" if one.tokens else ""
    return f"{_named(one.source, one.name)}{tokens}: {one.why}"
