"""Completion for shells: each command's words, so that nothing is run to complete a line."""

from collections.abc import Iterator
from typing import Final

from engine.commands.tree import Node

_BASH: Final = """\
# bash completion for posthouse and posthoused; zsh takes it too, after `autoload -U bashcompinit && bashcompinit`.
_posthouse() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} path=${{COMP_WORDS[0]##*/}} word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case "$path $word" in
      {paths}) path="$path $word" ;;
    esac
  done
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    {files}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path" in
{cases}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${{#COMPREPLY[@]}} -gt 0 || $current == -* ]] || COMPREPLY=($(compgen -f -- "$current"))
}}
complete -o filenames -F _posthouse posthouse posthoused
"""
_TAKES_FILES: Final = ("--config", "-c", "--socket", "--state", "--into", "--dns", "--key")


def bash(programs: tuple[Node, ...]) -> str:
    """The file for bash."""
    nodes = [each for program in programs for each in program.walk()]
    cases = "".join(f'    "{each.path}") words="{" ".join(_words(each))}" ;;\n' for each in nodes)
    paths = "|".join(f'"{each.path}"' for each in nodes if " " in each.path)
    return _BASH.format(paths=paths, cases=cases, files=" | ".join(_TAKES_FILES))


def fish(programs: tuple[Node, ...]) -> str:
    """The file for fish."""
    lines = ["# fish completion for posthouse and posthoused"]
    for program in programs:
        for node in program.walk():
            lines += _fish_lines(program.path, node)
    return "\n".join(lines) + "\n"


def _words(node: Node) -> list[str]:
    options = [name for word in node.words if word.is_option for name in word.names]
    return [*(each.name for each in node.children), *options, "--help"]


def _fish_lines(program: str, node: Node) -> Iterator[str]:
    below = node.path.split(" ")[1:]
    seen = "; and ".join(f"__fish_seen_subcommand_from {each}" for each in below)
    not_yet = " ".join(child.name for child in node.children)
    where = f"{seen}; and " if seen else ""
    for child in node.children:
        yield (
            f"complete -c {program} -n '{where}not __fish_seen_subcommand_from {not_yet}' -f -a {child.name}"
            f" -d {_quoted(child.title or child.about)}"
        )
    for word in node.words:
        if word.is_option and below:
            names = " ".join(("-l " if name.startswith("--") else "-s ") + name.lstrip("-") for name in word.names)
            takes = "" if word.is_flag else " -r"
            yield f"complete -c {program} -n '{seen}' {names}{takes} -d {_quoted(word.about)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
