"""schema.org Invoice and EventReservation as events. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.intake.plain import Found, amount, as_text, last_word, listed, person, record, web_link, without_gaps

INVOICE_STATES: Final = {
    "paymentdue": "invoice.issued",
    "paymentautomaticallyapplied": "invoice.paid",
    "paymentcomplete": "invoice.paid",
    "paymentdeclined": "invoice.overdue",
    "paymentpastdue": "invoice.overdue",
}
RESERVATION_STATES: Final = {
    "reservationconfirmed": "reservation.confirmed",
    "reservationhold": "reservation.pending",
    "reservationpending": "reservation.pending",
    "reservationcancelled": "reservation.cancelled",
}


def invoice(thing: Mapping[str, Any]) -> Iterator[Found]:
    """https://schema.org/Invoice; without a number of its own it is about its account, or its order."""
    orders = [as_text(record(each).get("orderNumber")) for each in listed(thing.get("referencesOrder"))[:20]]
    order = next((each for each in orders if each), None)
    number = _first(thing, "confirmationNumber", "identifier", "accountId") or order
    state = last_word(as_text(thing.get("paymentStatus")) or "PaymentDue")
    if not number or state not in INVOICE_STATES:
        return
    due = record(thing.get("totalPaymentDue"))
    data = {
        "number": number,
        "total": amount(due.get("price", due.get("value", thing.get("totalPaymentDue")))),
        "currency": as_text(due.get("priceCurrency") or due.get("currency")),
        "due": _first(thing, "paymentDueDate", "paymentDue"),
        "about": _first(thing, "description"),
        "order": order,
        "status": state,
        "url": web_link(thing.get("url")),
        "shop": as_text(record(thing.get("broker") or thing.get("provider")).get("name")),
        "customer": person(thing.get("customer")),
    }
    yield {"name": INVOICE_STATES[state], "data": without_gaps(data)}


def reservation(thing: Mapping[str, Any]) -> Iterator[Found]:
    """https://schema.org/EventReservation"""
    number = _first(thing, "reservationNumber", "reservationId")
    state = last_word(as_text(thing.get("reservationStatus")) or "ReservationConfirmed").replace(
        "canceled", "cancelled"
    )
    name = RESERVATION_STATES.get(state) or RESERVATION_STATES.get(f"reservation{state}")
    if not number or name is None:
        return
    booked = record(thing.get("reservationFor"))
    place = record(booked.get("location"))
    address = place.get("address")
    data = {
        "number": number,
        "title": as_text(booked.get("name")),
        "starts": as_text(booked.get("startDate")),
        "ends": as_text(booked.get("endDate")),
        "place": as_text(place.get("name")) or as_text(booked.get("location")),
        "address": as_text(address) or _written_address(record(address)),
        "seats": amount(thing.get("numSeats") or thing.get("partySize")),
        "total": amount(thing.get("totalPrice") or thing.get("price")),
        "currency": as_text(thing.get("priceCurrency")),
        "url": web_link(thing.get("url")) or web_link(thing.get("modifyReservationUrl")),
        "customer": person(thing.get("underName")),
    }
    yield {"name": name, "data": without_gaps(data)}


def _first(thing: Mapping[str, Any], *names: str) -> str | None:
    """The first of these that says something, in plain words or as the value or name of a record."""
    for name in names:
        told = record(thing.get(name))
        if said := as_text(thing.get(name)) or as_text(told.get("value") or told.get("name")):
            return said
    return None


def _written_address(address: Mapping[str, Any]) -> str | None:
    parts = ("streetAddress", "postalCode", "addressLocality", "addressCountry")
    return ", ".join(filter(None, (as_text(address.get(part)) for part in parts))) or None
