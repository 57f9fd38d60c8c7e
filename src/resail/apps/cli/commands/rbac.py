"""``resail rbac``"""

from pathlib import Path

import click

from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


def _split(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """``namespace:name`` as kubectl takes it → name and namespace."""
    found = []
    for text in texts:
        namespace, _, name = text.partition(":")
        if not namespace or not name:
            raise click.BadParameter(f"{text!r} is not NAMESPACE:NAME")
        found.append((name, namespace))
    return found


@click.command("rbac", cls=Command)
@click.argument("plan", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--user", "users", metavar="NAME", multiple=True, help="Bind the roles to a user; may be given several times.")
@click.option("--group", "groups", metavar="NAME", multiple=True, help="Bind them to a group; may be given several times.")
@click.option(
    "--serviceaccount",
    "accounts",
    metavar="NAMESPACE:NAME",
    multiple=True,
    callback=_split,
    help="Bind them to a service account; may be given several times.",
)
@click.pass_obj
def command(
    settings: Settings, plan: Path, users: tuple[str, ...], groups: tuple[str, ...], accounts: list[tuple[str, str]]
) -> None:
    """Print the least Roles and ClusterRoles that apply, resume, rollback and verify of a plan take, for `kubectl apply -f -`.

    Prints YAML, or with `-o json` a List. Asks the cluster nothing, and creates nothing.
    """
    import msgspec

    from resail.models.encoding import pretty_json
    from resail.operations.rbac import rbac
    from resail.plan.roles import Subject

    subjects = [
        *(Subject("User", name) for name in users),
        *(Subject("Group", name) for name in groups),
        *(Subject("ServiceAccount", name, namespace) for name, namespace in accounts),
    ]
    roles = rbac(plan, subjects)
    if settings.output == "json":
        click.echo(pretty_json({"apiVersion": "v1", "kind": "List", "items": roles}), nl=False)
    else:
        click.echo(b"---\n".join(msgspec.yaml.encode(role) for role in roles), nl=False)
