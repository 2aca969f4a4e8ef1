"""The tables of reports that others sent us."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class ReceivedReport(Model):
    """A DMARC or TLS report, once, however often it was sent."""

    kind = TextField()  # dmarc-aggregate, tls-rpt
    org = TextField()
    report_id = TextField()
    domain = TextField()
    begin_ms = BigIntegerField(null=True)
    end_ms = BigIntegerField(null=True)
    total = BigIntegerField()  # messages, or sessions
    failed = BigIntegerField()  # of these: that fail DMARC, or came without TLS
    details = TextField()  # JSON: by disposition, or failures by their type
    at_ms = BigIntegerField(index=True)  # when it came

    class Meta:
        table_name = "received_report"
        indexes = ((("kind", "org", "report_id", "domain"), True),)


class ReportedSender(Model):
    """Who sent under a domain's name, by one DMARC report."""

    report = IntegerField(index=True)  # of received_report
    source_ip = TextField()
    header_from = TextField()
    dkim = TextField()  # aligned with the From domain: pass, fail ...
    spf = TextField()
    disposition = TextField()
    count = BigIntegerField()

    class Meta:
        table_name = "reported_sender"


TABLES = (ReceivedReport, ReportedSender)
