"""What the sample shop sells to whom: values, and their schema.org mark-up."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    address: str
    language: str  # BCP 47


@dataclass(frozen=True, slots=True)
class Line:
    sku: str
    name: str  # in the customer's language
    quantity: int
    price: Decimal  # of one


@dataclass(frozen=True, slots=True)
class Order:
    number: str
    customer: Customer
    lines: tuple[Line, ...]
    currency: str  # ISO 4217

    @property
    def total(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))


def order_markup(site: str, order: Order) -> dict[str, Any]:
    """A schema.org Order. `site` is where the shop's pages are: "https://shop.example"."""
    return {
        "@context": "https://schema.org",
        "@type": "Order",
        "merchant": {"@type": "Organization", "name": "The Tea House"},
        "orderNumber": order.number,
        "orderStatus": "https://schema.org/OrderProcessing",
        "priceCurrency": order.currency,
        "price": str(order.total),
        "customer": {"@type": "Person", "name": order.customer.name, "email": order.customer.address},
        "url": f"{site}/orders/{order.number}",
        "acceptedOffer": [_offer(site, order, line) for line in order.lines],
    }


def _offer(site: str, order: Order, line: Line) -> dict[str, Any]:
    product = {"@type": "Product", "sku": line.sku, "name": line.name, "url": f"{site}/goods/{line.sku}"}
    return {
        "@type": "Offer",
        "itemOffered": {**product, "image": f"{site}/goods/{line.sku}.jpg"},
        "price": str(line.price),
        "priceCurrency": order.currency,
        "eligibleQuantity": {"@type": "QuantitativeValue", "value": line.quantity},
    }


def parcel_markup(order: Order, tracking: str, arrival: datetime) -> dict[str, Any]:
    """A schema.org ParcelDelivery."""
    return {
        "@context": "https://schema.org",
        "@type": "ParcelDelivery",
        "carrier": {"@type": "Organization", "name": "Lab Post"},
        "trackingNumber": tracking,
        "trackingUrl": f"https://post.example/track/{tracking}",
        "expectedArrivalUntil": arrival.isoformat(),
        "itemShipped": [{"@type": "Product", "sku": line.sku, "name": line.name} for line in order.lines],
        "partOfOrder": {
            "@type": "Order",
            "orderNumber": order.number,
            "merchant": {"@type": "Organization", "name": "The Tea House"},
            "orderStatus": "https://schema.org/OrderInTransit",
        },
    }
