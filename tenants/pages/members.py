"""`/t/SLUG/console/members/`: who is in, who is invited."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tenants import access, actions, invitations
from tenants.access import Act, Principal
from tenants.models import Invitation, Membership, Role


class RoleForm(forms.Form):
    """The roles that the acting person may give."""

    role = forms.ChoiceField(label="Role")

    def __init__(self, *args: object, acting: Principal, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["role"].choices = roles_for(acting)  # type: ignore[attr-defined]


class InviteForm(RoleForm):
    email = forms.EmailField(
        label="Email",
        required=False,
        help_text="Only this account can use the link. Leave it empty for a link that whoever holds it can use once.",
    )
    field_order = ("email", "role")


def roles_for(acting: Principal) -> list[tuple[str, str]]:
    return [(role.value, role.label) for role in Role if access.rank(role) <= access.rank(acting.role)]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The list; POST invites, and the answer shows the link this once."""
    acting = access.for_session(request.user, slug, Act.MEMBERS_WRITE if request.method == "POST" else Act.READ)
    form = InviteForm(request.POST or None, acting=acting, initial={"role": Role.MEMBER})
    link = ""
    if form.is_valid():
        try:
            _, token = actions.invite_member(
                acting.tenant, form.cleaned_data["email"], Role(form.cleaned_data["role"]), acting=acting
            )
            link = request.build_absolute_uri(reverse("invitation", args=[token]))
            form = InviteForm(acting=acting, initial={"role": Role.MEMBER})
        except actions.Refused as refused:
            form.add_error("email", str(refused))
    return render(request, "tenants/members.html", _context(acting, form, link))


@require_POST
@login_required
def role(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    acting = access.for_session(request.user, slug, Act.MEMBERS_WRITE)
    member = _member(acting, pk)
    form = RoleForm(request.POST, acting=acting)
    if not form.is_valid():
        messages.error(request, "Choose one of the roles.")
    else:
        try:
            member = actions.change_role(member, Role(form.cleaned_data["role"]), acting=acting)
            messages.success(request, f"{member.user.email} is now {Role(member.role).label.lower()}.")
        except actions.Refused as refused:
            messages.error(request, str(refused))
    return redirect("members", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask, then take the member out; everybody may leave."""
    acting = access.for_session(request.user, slug, Act.READ)
    member = _member(acting, pk)
    leaving = member.user_id == request.user.pk
    if not leaving:
        access.for_session(request.user, slug, Act.MEMBERS_WRITE)
    if request.method != "POST":
        return render(request, "tenants/member_remove.html", {"member": member, "leaving": leaving})
    try:
        actions.remove_member(member, acting=acting)
    except actions.Refused as refused:
        messages.error(request, str(refused))
        return redirect("members", slug=slug)
    messages.success(request, f"{member.user.email} is no longer a member of {acting.tenant.name}.")
    return redirect("start") if leaving else redirect("members", slug=slug)


@require_POST
@login_required
def withdraw(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    acting = access.for_session(request.user, slug, Act.MEMBERS_WRITE)
    invitation = get_object_or_404(Invitation.objects.for_tenant(acting.tenant), pk=pk)
    actions.withdraw(invitation, acting=acting)
    messages.success(request, "The invitation is withdrawn; its link opens nothing.")
    return redirect("members", slug=slug)


def _member(acting: Principal, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.for_tenant(acting.tenant).select_related("user"), pk=pk)


def _context(acting: Principal, form: InviteForm, link: str) -> dict[str, object]:
    may_write = acting.may(Act.MEMBERS_WRITE)
    rows = Membership.objects.for_tenant(acting.tenant).select_related("user").order_by("created_at", "id")
    members = [
        {"row": row, "yours": row.user_id == acting.user.pk, "editable": may_write and _below(row, acting)}  # type: ignore[union-attr]
        for row in rows
    ]
    waiting = invitations.open_ones().filter(tenant=acting.tenant).order_by("-created_at") if may_write else []
    return {
        "members": members, "invitations": waiting, "form": form, "link": link, "may_write": may_write,
        "roles": roles_for(acting),
    }  # fmt: skip


def _below(row: Membership, acting: Principal) -> bool:
    return access.rank(row.role) <= access.rank(acting.role)
