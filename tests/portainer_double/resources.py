"""Access control of containers, networks, volumes and stacks."""

CONTAINER, SERVICE, VOLUME, NETWORK, SECRET, STACK, CONFIG = range(1, 8)


def grant(store, kind, resource, user):
    """Made for an administrator's stack: for administrators; for all else: the maker's own."""
    for_admins = kind == STACK and user["Role"] == 1
    return store.insert(
        "controls",
        {
            "ResourceId": resource,
            "SubResourceIds": [],
            "Type": kind,
            "UserAccesses": [] if for_admins else [{"UserId": user["Id"], "AccessLevel": 1}],
            "TeamAccesses": [],
            "Public": False,
            "AdministratorsOnly": for_admins,
            "System": False,
        },
    )


def control(store, kind, resource):
    return store.find("controls", Type=kind, ResourceId=resource)


def revoke(store, kind, resource):
    row = control(store, kind, resource)
    if row:
        store.delete("controls", row["Id"])


def stack_resource(stack):
    return f"{stack['EndpointId']}_{stack['Name']}"


def may_use(call, row):
    """Whether the caller may use what the control protects; what has none is for administrators."""
    if call.is_admin:
        return True
    if not row:
        return False
    users = {access["UserId"] for access in row["UserAccesses"]}
    return row["Public"] or call.user["Id"] in users
