"""The house's log, as a vocabulary: one function for each thing that can happen. With mta.maillog, engine.running.flowlog and
engine.catalogue.cataloguelog it is all that is ever logged.

Values from strangers go in as facts, never into the text; no function takes a password, a token, a key or a mail's words. Every
line stands in docs/administration.md.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

log: Final = logging.getLogger("posthouse.house")


# -- the daemon


def ready(*, carriers: int, pid: int, database: str) -> None:
    """The daemon serves."""
    log.info("ready", extra={"carriers": carriers, "pid": pid, "database": database})


def stopping() -> None:
    """As told."""
    log.info("stopping")


def stopped() -> None:
    """As told."""
    log.info("stopped")


def backed_up(folder: object) -> None:
    """A backup of the database was made, since an upgrade is about to change it."""
    log.info("a backup was made before the upgrade", extra={"folder": str(folder)})


def migrated(migration: str) -> None:
    """A migration was applied."""
    log.info("schema brought up to date", extra={"migration": migration})


def fenced(why: str) -> None:
    """The database is not the one that this machine ran on last."""
    log.error("nothing is sent until the fence is lifted", extra={"why": why})


def secret_changed(file: str) -> None:
    """The secret is not the one that this database was served with before."""
    log.warning("the secret is another than before", extra={"file": file})


def faulty_mail(why: str) -> None:
    """A mail of one's own is wrong, found at the start."""
    log.error("a mail can't be written", extra={"why": why})


def part_failed(error: BaseException) -> None:
    """A part of the front office raised what it should not."""
    log.critical("a part of the front office failed", exc_info=error)


def reloaded(carriers: int) -> None:
    """The new configuration is in force."""
    log.info("reloaded", extra={"carriers": carriers})


def not_reloaded(faults: Sequence[str]) -> None:
    """The new configuration has faults: the old one stays."""
    log.error("not reloaded, the old configuration stays", extra={"faults": list(faults)})


def needs_restart(setting: str) -> None:
    """This setting, or the file `secret`, can't change while the daemon runs."""
    log.warning("needs a restart, keeps its old value until then", extra={"setting": setting})


# -- carriers


def carrier_died(name: str, *, pid: int, code: int) -> None:
    """Nobody had asked it to; another takes its place."""
    log.error("carrier died, another takes its place", extra={"carrier": name, "pid": pid, "code": code})


def carrier_late(name: str) -> None:
    """Its open transactions outlasted the grace."""
    log.warning("carrier did not stop in time", extra={"carrier": name})


def carrier_silent(name: str, *, pid: int) -> None:
    """It said nothing for too long."""
    log.error("carrier says nothing, it is killed", extra={"carrier": name, "pid": pid})


def forks_gone() -> None:
    """No carrier could be replaced any more."""
    log.critical("the fork server is gone: stopping")


def loop_ended(error: BaseException | None) -> None:
    """A carrier's own work raised what it should not."""
    log.critical("a carrier's loop ended", exc_info=error)


def keeper_gone() -> None:
    """The parser's keeper died: its carrier is replaced."""
    log.error("the parser's keeper is gone, this carrier makes room for a whole one")


def own_rules_left_out(why: str) -> None:
    """The house's own rules for replies are not right; the shipped ones decide alone."""
    log.error("the house's own rules are left out", extra={"why": why})


def faulty_extractor(why: str) -> None:
    """A file of `intake.extractors` is wrong; the others work."""
    log.error("an extractor can't be read", extra={"why": why})


# -- operators, the pages, the spool


def command(act: str, *, by: str, done: str) -> None:
    """Somebody changed something over the control socket."""
    log.info("command", extra={"act": act, "by": by, "done": done})


def not_journalled(error: Exception) -> None:
    """The database would not commit when a command was written down."""
    log.error("an act is not in the journal", extra={"error": str(error)})


def request_failed() -> None:
    """A control request raised what it should not. Called while that is handled."""
    log.exception("a control request failed")


def demands_overridden(campaign: str, *, rules: Sequence[str], by: str, why: str) -> None:
    """Somebody began a campaign although it breaks what bulk senders are asked for."""
    facts = {"campaign": campaign, "rules": list(rules), "by": by, "override": why}
    log.warning("demands overridden", extra=facts)


def page_waits(why: str) -> None:
    """A page could not be served: the database would not answer, or a request's body did not come."""
    log.warning("a page could not be served", extra={"why": why})


def page_failed() -> None:
    """A page raised what it should not. Called while that is handled."""
    log.exception("a page failed")


def hits_dropped(count: int) -> None:
    """More clicks and pictures came than the database took for a while."""
    log.warning("hits dropped", extra={"hits": count})


def hits_wait(error: Exception) -> None:
    """The database can't be written to; clicks are counted later."""
    log.warning("hits wait", extra={"error": str(error)})


def spool_waits(error: Exception) -> None:
    """The spool can't be taken on now."""
    log.error("spool waits", extra={"error": str(error)})


def spool_file_left(file: str, *, why: str) -> None:
    """A file of the spool stays where it is, set aside."""
    log.error("a spool file was not taken on", extra={"file": file, "why": why})


# -- keys, the doctor, reputation


def key_changed(domain: str, *, selector: str, state: str) -> None:
    """A DKIM key came to this state."""
    log.info("key", extra={"domain": domain, "selector": selector, "state": state})


def keys_proposed(domain: str, selectors: Sequence[str]) -> None:
    """New keys were made, since the old ones have signed for long."""
    log.warning("new keys are to be published", extra={"domain": domain, "selectors": list(selectors)})


def key_file_trouble(error: Exception) -> None:
    """New keys could not be written, or old ones deleted."""
    log.error("a file of a key can't be changed", extra={"why": str(error)})


def doctor_waits(error: Exception) -> None:
    """The database would not answer the doctor."""
    log.warning("the doctor waits", extra={"why": str(error)})


def rule_red(rule: str, *, about: str, why: str) -> None:
    """What passed before fails now."""
    log.error("a rule turned red", extra={"rule": rule, "about": about, "why": why})


def rule_mended(rule: str, *, about: str) -> None:
    """It fails no longer."""
    log.info("a rule is no longer red", extra={"rule": rule, "about": about})


def reputation_alarm(facts: Mapping[str, Any], *, is_bad: bool) -> None:
    """A figure of how mail is taken reached a threshold."""
    if is_bad:
        log.error("reputation alarm", extra=dict(facts))
    else:
        log.warning("reputation alarm", extra=dict(facts))


def reputation_alarm_over(facts: Mapping[str, Any]) -> None:
    """It is well below again."""
    log.warning("reputation alarm is over", extra=dict(facts))


# -- campaigns, segments, lists, webhooks


def campaign_begins(name: str, *, run: int) -> None:
    """Its time has come; its audience is being found."""
    log.info("campaign begins", extra={"campaign": name, "run": run})


def campaign_done(name: str, *, run: int) -> None:
    """Every recipient has an end."""
    log.info("campaign is done", extra={"campaign": name, "run": run})


def variants_judged(name: str, *, verdict: str) -> None:
    """The others get what it says."""
    log.info("a test of variants is judged", extra={"campaign": name, "verdict": verdict})


def campaign_missed(name: str, *, state: str, why: str) -> None:
    """Nobody was there while it was due."""
    log.error("a campaign missed its time", extra={"campaign": name, "state": state, "why": why})


def campaign_kept_back(name: str, *, why: str) -> None:
    """Its time has come, and it breaks what bulk senders are asked for."""
    log.error("a campaign is kept back", extra={"campaign": name, "why": why})


def campaign_without_audience(name: str, *, why: str) -> None:
    """A list or a segment is gone."""
    log.error("a campaign can't find its audience", extra={"campaign": name, "why": why})


def campaign_mail_faulty(name: str, *, contact: int, why: str) -> None:
    """The template failed for this contact."""
    log.error("a campaign's mail could not be written", extra={"campaign": name, "contact": contact, "why": why})


def campaign_mails_written(name: str, told: Mapping[str, int]) -> None:
    """A handful of mails, by what became of them."""
    log.debug("campaign mails written", extra={"campaign": name, **told})


def campaigns_wait(error: Exception) -> None:
    """The database is away."""
    log.warning("campaigns wait", extra={"why": str(error)})


def segment_looked_at(name: str, *, moved: int, took_ms: int) -> None:
    """Everybody was looked at."""
    log.info("segment looked at", extra={"segment": name, "moved": moved, "ms": took_ms})


def segment_failed(name: str) -> None:
    """A segment raised what it should not. Called while that is handled."""
    log.exception("a segment could not be looked at", extra={"segment": name})


def segments_wait(error: Exception) -> None:
    """The database would not: memberships are looked at a little later."""
    log.warning("segments wait", extra={"why": str(error)})


def reminder_faulty(mailing_list: str, *, why: str) -> None:
    """The mail that reminds of a confirmation has a fault."""
    log.error("reminder not written", extra={"list": mailing_list, "why": why})


def nobody_asked(mailing_list: str, *, why: str) -> None:
    """The mail that asks has a fault."""
    log.error("nobody asked", extra={"list": mailing_list, "why": why})


def webhook_taken(number: int, *, flow: str, step: str) -> None:
    """It answered 2xx."""
    log.info("webhook taken", extra={"webhook": number, "flow": flow, "step": step})


def webhook_put_off(number: int, *, flow: str, step: str, why: str) -> None:
    """It is tried again."""
    log.info("webhook put off", extra={"webhook": number, "flow": flow, "step": step, "why": why})


def webhook_failed(number: int, *, flow: str, step: str, why: str) -> None:
    """It is not tried again."""
    log.error("webhook failed", extra={"webhook": number, "flow": flow, "step": step, "why": why})


def webhook_unwritten(error: BaseException | None) -> None:
    """What it answered could not be written: the call is made again when its claim is over."""
    log.error("a webhook's answer could not be written", exc_info=error)


def webhooks_wait(error: Exception) -> None:
    """The database would not be read or written."""
    log.warning("webhooks wait", extra={"why": str(error)})
