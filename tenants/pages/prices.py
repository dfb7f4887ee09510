"""`/t/SLUG/console/spend/prices/`: what the workspace pays for a model's tokens."""

from decimal import Decimal

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from tenants import access, money, prices
from tenants.access import Act
from tenants.models import Price
from tenants.rules import Refused

EXAMPLE = '{\n  "my-model": {"input": 1.25, "cached_input": 0.125, "output": 10},\n  "*": {"input": 5, "output": 20}\n}'
_MOST = Decimal(100_000)


class PriceForm(forms.Form):
    model = forms.CharField(
        label="Model", max_length=200, help_text="As requests name it. <code>*</code> is every model without a price."
    )
    input = forms.DecimalField(label="Input", min_value=0, max_value=_MOST, decimal_places=6)
    cached_input = forms.DecimalField(
        label="Cached input", min_value=0, max_value=_MOST, decimal_places=6, required=False
    )
    output = forms.DecimalField(label="Output", min_value=0, max_value=_MOST, decimal_places=6)


class LoadForm(forms.Form):
    text = forms.CharField(
        label="JSON",
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false", "placeholder": EXAMPLE}),
        help_text="All of it, or nothing where a line is wrong. A model that is there already gets the new price.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The prices; POST sets one."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    form = PriceForm(request.POST or None)
    if form.is_valid():
        values = dict(form.cleaned_data)
        try:
            prices.change({values.pop("model"): values}, acting=acting)
            messages.success(request, "The price holds from the next answer on. Past costs stay as they were.")
            return redirect("prices", slug=slug)
        except Refused as refused:
            form.add_error(None, str(refused))
    own = [_shown(price) for price in Price.objects.for_tenant(acting.tenant).order_by("model")]
    shipped = prices.shipped()
    context = {
        "form": form,
        "own": own,
        "shipped": shipped,
        "table": [(model, *map(money.dollars, rate)) for model, rate in shipped.rates.items()],
    }
    return render(request, "tenants/spend/prices.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def load(request: HttpRequest, slug: str) -> HttpResponse:
    """Set many, from JSON."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    form = LoadForm(request.POST or None)
    if form.is_valid():
        try:
            found = prices.parse(form.cleaned_data["text"])
            prices.change(found, acting=acting)
            messages.success(request, f"{len(found)} price{'s' if len(found) > 1 else ''} set.")
            return redirect("prices", slug=slug)
        except Refused as refused:
            form.add_error("text", str(refused))
    return render(request, "tenants/spend/prices_load.html", {"form": form})


@require_POST
@login_required
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Take a price of the workspace's own back."""
    acting = access.for_session(request.user, slug, Act.SPEND_WRITE)
    price = get_object_or_404(Price.objects.for_tenant(acting.tenant), pk=pk)
    prices.remove(price.model, acting=acting)
    messages.success(request, f"The workspace's own price of {price.model} is removed.")
    return redirect("prices", slug=slug)


def _shown(price: Price) -> dict[str, object]:
    names = ("input", "cached_input", "output")
    amounts = {name: getattr(price, name) for name in names}
    told = {name: "as input" if value is None else money.dollars(money.nano(value)) for name, value in amounts.items()}
    return {"pk": price.pk, "model": price.model, **told}
