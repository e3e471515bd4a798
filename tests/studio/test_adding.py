"""An entry for a model of one's own: read from its configuration, and written to be read back."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from talecraft.config import adding, models
from talecraft.config.entries import find
from talecraft.errors import ConfigError, EngineError, TalecraftError, UsageError
from talecraft.paths import home
from talecraft.process import description
from talecraft.studio import Studio
from talecraft.studio.adding import Wish, add
from talecraft.studio.fetch_words import FetchError, TokenWanted
from tests.support.hub import TOKEN, Hub
from tests.support.hub_fixtures import CONFIG, ENTRY, REPO, weights

GPT2 = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_positions": 512, "n_embd": 64,
    "n_layer": 2, "n_head": 4, "vocab_size": 97,
}  # fmt: skip


IN_A_CHILD = description.describe


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing transformers once is enough."""
    from talecraft.engine.describe import describe

    def here(folder: Path) -> description.Description:
        found = describe(folder)
        if isinstance(found, description.Unfit):
            raise UsageError(found.words)
        return found

    monkeypatch.setattr(description, "describe", here)


@pytest.fixture
def in_a_child(_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "describe", IN_A_CHILD)


@pytest.fixture
def studio(own_home: Path):
    with Studio() as studio:
        yield studio


@pytest.fixture
def model(tmp_path: Path):
    """Makes a folder with a model's configuration and some weights."""

    def make(config: object = CONFIG, name: str = "My-Model.v2", **files: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(
            config if isinstance(config, str) else json.dumps(config)
        )
        (folder / "tokenizer.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights(400_000))
        for path, text in files.items():
            (folder / path.replace("__", ".")).write_text(text)
        return folder

    return make


def added(studio: Studio, where: object, **wish: str) -> models.ModelSpec:
    spec = add(studio.home, studio.catalogue, str(where), Wish(**wish))
    assert models.load(studio.home).declared(spec.id) == spec
    assert studio.catalogue.get(spec.id) == spec
    return spec


def refused(studio: Studio, where: object, kind: type[TalecraftError], **wish: str) -> str:
    before = _text(studio)
    with pytest.raises(kind) as caught:
        add(studio.home, studio.catalogue, str(where), Wish(**wish))
    assert type(caught.value) is kind
    assert _text(studio) == before
    return str(caught.value)


def _text(studio: Studio) -> str | None:
    path = studio.home.models_file
    return path.read_text() if path.exists() else None


# ---------------------------------------------------------------------- from a folder
def test_a_folder_becomes_an_entry(studio: Studio, model, in_a_child) -> None:
    folder = model()
    spec = added(studio, folder)
    assert (spec.id, spec.title, spec.source) == ("my-model.v2", "My-Model.v2", "local")
    assert spec.location == str(folder)
    assert (spec.context_length, spec.style, spec.quantisation) == (2048, "plain", "none")
    assert (spec.parameters, spec.lora_targets) == ("0.2 M", "all-linear")
    assert spec.memory_to_write == pytest.approx(0.4, abs=0.1)
    assert spec.memory_to_train > spec.memory_to_write
    assert studio.catalogue.installed(spec, studio.home)
    path = studio.home.models_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_window_goes_by_each_architectures_own_word_for_it(studio: Studio, model) -> None:
    assert added(studio, model(GPT2)).context_length == 512


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config__json": '{"chat_template": "{{ messages }}"}'},
        {"chat_template__jinja": "{{ messages }}"},
    ],
)
def test_a_chat_template_makes_it_a_chat(studio: Studio, model, files: dict[str, str]) -> None:
    assert added(studio, model(**files)).style == "chat"


def test_the_writer_may_say_otherwise(studio: Studio, model) -> None:
    spec = added(
        studio, model(tokenizer_config__json='{"chat_template": "x"}'), id="Other",
        title="A \x1b[31mred", revision="v1", quantisation="nf4", style="tags",
    )  # fmt: skip
    assert (spec.id, spec.title, spec.revision) == ("Other", "A red", "v1")
    assert (spec.quantisation, spec.style, spec.key) == ("nf4", "tags", "Other@v1")


def test_comments_and_other_entries_stay_to_the_last_byte(studio: Studio, model) -> None:
    before = "# mine\n" + ENTRY.replace("title", "# why\ntitle") + "[style.odd]  # odd\n"
    studio.home.config.mkdir(parents=True)
    for end in ("", "\n", "# the end"):
        studio.home.models_file.write_text(before + end)
        added(studio, model(), id=f"one{len(end)}")
        assert studio.home.models_file.read_text().startswith(before + end)


def test_where_the_file_is_a_link_what_it_leads_to_is_written(
    studio: Studio, model, tmp_path: Path
) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("# mine\n")
    studio.home.config.mkdir(parents=True)
    studio.home.models_file.symlink_to(real)
    added(studio, model())
    assert studio.home.models_file.is_symlink()
    assert "[[model]]" in real.read_text()


def test_any_text_is_written_so_that_it_is_read_back(studio: Studio, model) -> None:
    nasty = 'a "quoted" \\ back\'slashd # no comment'
    assert added(studio, model(), title=nasty).title == nasty


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({**CONFIG, "architectures": ["BertForMaskedLM"], "model_type": "bert"}, "no causal"),
        ({**CONFIG, "architectures": ["T5ForConditionalGeneration"], "model_type": "t5"},
         "no causal"),
        ({**CONFIG, "architectures": ["EvilForCausalLM"], "model_type": "evil",
          "auto_map": {"AutoModelForCausalLM": "evil.Evil"}}, "code of its own"),
        ({**CONFIG, "model_type": ["llama"]}, "no causal"),
        ({**CONFIG, "architectures": []}, "names no architecture"),
        ({**CONFIG, "architectures": "LlamaForCausalLM"}, "names no architecture"),
        ({**CONFIG, "quantization_config": {"quant_method": "gptq"}}, "quantised already"),
        ({**CONFIG, "max_position_embeddings": "long"}, "is not understood"),
        ({**CONFIG, "max_position_embeddings": -5}, "how long a text"),
        ({**CONFIG, "max_position_embeddings": 10**12}, "how long a text"),
        ("[1, 2]", "is not a table"),
        ("{", "is not a table"),
        ("[" * 100_000, "is not a table"),
    ],
)  # fmt: skip
def test_what_is_no_model_to_write_with(studio: Studio, model, config: Any, words: str) -> None:
    message = refused(studio, model(config), UsageError)
    assert words in message


def test_code_in_the_folder_is_never_run(studio: Studio, model, tmp_path: Path, in_a_child) -> None:
    canary = tmp_path / "canary"
    evil = {**CONFIG, "model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}
    folder = model(evil, evil__py=f"open({str(canary)!r}, 'w')")
    refused(studio, folder, UsageError)
    known = {**CONFIG, "auto_map": {"AutoConfig": "evil.Config"}}
    added(studio, model(known, evil__py=f"open({str(canary)!r}, 'w')"))
    assert not canary.exists()


def test_a_folder_without_weights(studio: Studio, tmp_path: Path) -> None:
    assert "no config.json is there" in refused(studio, tmp_path, UsageError)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    assert "no *.safetensors is there" in refused(studio, tmp_path, UsageError)
    assert "is not there" in refused(studio, tmp_path / "nowhere", UsageError)
    assert "is a file" in refused(studio, tmp_path / "config.json", UsageError)


def test_what_transformers_makes_of_a_table_is_said(studio: Studio, model) -> None:
    odd = {**CONFIG, "hidden_size": 30, "num_attention_heads": 4}
    message = refused(studio, model(odd), UsageError)
    assert "is not understood" in message
    assert "30" in message, "by the numbers that do not fit"


def test_an_entry_is_taken_out_and_all_else_stays(studio: Studio, model) -> None:
    """To the last byte, comments of others too; and it can be added again."""
    studio.home.config.mkdir(parents=True)
    file = studio.home.models_file
    file.write_text("# Mine.\n")
    alone = file.read_text()
    spec = added(studio, model())
    with_one = file.read_text()
    studio.fetching.forget(spec.id)
    assert file.read_text().rstrip("\n") == alone.rstrip("\n")
    assert added(studio, model()) == spec
    assert file.read_text() == with_one
    file.write_text(f"{with_one}\n# Of the other.\n")
    other = added(studio, model(name="other"))
    third = added(studio, model(name="third"))
    text = file.read_text() + "\n# The end.\n"
    file.write_text(text)
    folder = studio.fetching.forget(other.id)
    assert (folder / "config.json").exists()
    begin, end = text.index('[[model]]\nid = "other"'), text.index('[[model]]\nid = "third"')
    assert file.read_text() == text[:begin] + text[end:]
    studio.fetching.forget(third.id)
    assert file.read_text() == text[:begin] + "\n# The end.\n".lstrip("\n")
    with pytest.raises(UsageError):
        studio.fetching.forget(third.id)
    with pytest.raises(UsageError, match="in no folder of yours"):
        studio.fetching.forget("gpt2")
    keys = with_one.partition("[[model]]\n")[2].strip().splitlines()
    file.write_text(f"model = [{{ {', '.join(keys)} }}]")
    studio.catalogue.read_again(studio.home)
    with pytest.raises(ConfigError, match="cannot be taken out from here"):
        studio.fetching.forget(spec.id)


def test_the_model_that_the_settings_name_stays_in_the_list(studio: Studio, model) -> None:
    """Also where its folder has gone: without its entry Talecraft could not be opened."""
    folder = model()
    spec = added(studio, folder)
    studio.preferences.put(find("writing.model"), spec.id)
    shutil.move(folder, folder.with_name("moved"))
    with pytest.raises(UsageError, match="is the one that writes"):
        studio.fetching.forget(spec.id)


def test_the_model_that_writes_stays_in_the_list(studio: Studio, model) -> None:
    spec = added(studio, model())
    studio.model = spec
    with pytest.raises(UsageError, match="is the one that writes"):
        studio.fetching.forget(spec.id)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"id": "gpt2"}, "'gpt2' already"),
        ({"id": "a@b"}, "is no id"),
        ({"id": "../x"}, "is no id"),
        ({"quantisation": "int4"}, "Use one of: none, nf4, int8"),
        ({"style": "odd"}, "Styles: tags, plain, chat"),
    ],
)
def test_wishes_that_cannot_be(studio: Studio, model, wish: dict[str, str], words: str) -> None:
    assert words in refused(studio, model(), UsageError, **wish)


def test_an_entry_that_stands_there_already_is_named_with_its_line(studio: Studio, model) -> None:
    spec = added(studio, model())
    with pytest.raises(ConfigError, match=r"models\.toml:2: model 'my-model\.v2' .* \(id\)"):
        adding.add(studio.home, spec)


def test_a_file_that_cannot_be_added_to(studio: Studio, model) -> None:
    studio.home.config.mkdir(parents=True)
    studio.home.models_file.write_text("model = []\n")
    assert "none can be added" in refused(studio, model(), ConfigError)
    studio.home.models_file.write_text("[[model]\n")
    assert ":1: " in refused(studio, model(), ConfigError)


def test_a_child_that_fails_is_told(studio: Studio, model, monkeypatch, in_a_child) -> None:
    monkeypatch.setattr(description, "COMMAND", ("sh", "-c", "echo no room >&2"))
    assert "no room" in refused(studio, model(), EngineError)


# ---------------------------------------------------------------------- from the hub
def test_a_repository_becomes_an_entry_that_can_be_fetched(studio: Studio, hub: Hub) -> None:
    spec = added(studio, REPO)
    assert (spec.id, spec.source, spec.location) == ("small-tales", "hub", REPO)
    assert (spec.revision, spec.licence, spec.gated) == ("main", "mit", False)
    assert (spec.context_length, spec.parameters) == (2048, "2.6 M")
    asked = {one.path.rpartition("/")[2] for one in hub.asked if "/api/" not in one.path}
    assert asked == {"config.json", "tokenizer_config.json"}
    assert not studio.home.models.exists()
    assert [path.name for path in studio.home.cache.iterdir()] == []
    assert studio.fetching.pull(spec.id) is not None


def test_of_a_gated_repository_the_token_is_asked_for(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].gated = "auto"
    assert "licence" in refused(studio, REPO, TokenWanted)
    assert add(studio.home, studio.catalogue, REPO, Wish(), TOKEN).gated


def test_what_is_no_repository_is_not_asked_for(studio: Studio, hub: Hub) -> None:
    for where in ("a/b/c", "https://x/y", "-x/y", "x/..", "", "a--b/c"):
        assert "neither a folder nor a repository" in refused(studio, where, UsageError, id="x")
    assert hub.asked == []


def test_a_repository_without_safetensors(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].files.pop("model.safetensors")
    assert "no weights as safetensors" in refused(studio, REPO, UsageError)


def test_no_hub(studio: Studio, hub: Hub) -> None:
    hub.close()
    assert "offline" in refused(studio, REPO, FetchError)


def test_the_shipped_entries_of_hubs() -> None:
    for spec in models.load(home()):
        if spec.source == "hub":
            assert models.REPOSITORY.fullmatch(spec.location)
            assert spec.licence
            assert spec.revision == "main"


def test_a_template_that_knows_thoughts_makes_it_reason(studio: Studio, model) -> None:
    template = "{{ messages }}<think>\n"
    assert added(studio, model(chat_template__jinja=template)).style == "reasoning"
    table = {"chat_template": "{% if '</think>' in content %}{% endif %}"}
    folder = model(tokenizer_config__json=json.dumps(table))
    assert added(studio, folder, id="other").style == "reasoning"
