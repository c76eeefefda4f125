#!/usr/bin/env python3
"""Writes lanherd-soak.json and lanherd-compare.json, the dashboards, beside itself.

    dashboards/make.py          write them
    dashboards/make.py --check  write nothing; fail unless they are what would be written

Dashboards in JSON are mostly repetition. Here stands what is decided: rows, questions, expressions, units, thresholds.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

# What every selector has.
PICK = 'job=~"$job",instance=~"$instance"'

# Thresholds: colours from values upward. What an increase or a sum of rates makes of one event is seldom exactly 1.
NONE = [("green", None)]
ANY_IS_BAD = [("green", None), ("red", 0.5)]
ANY_IS_TO_BE_SEEN = [("green", None), ("orange", 0.5)]
SHARE_ONLINE = [("red", None), ("orange", 0.95), ("green", 0.99)]
AVAILABILITY = [("red", None), ("orange", 0.99), ("green", 0.999)]
LOSS = [("green", None), ("orange", 0.001), ("red", 0.01)]
BUDGET = [("green", None), ("orange", 0.5), ("red", 0.8)]

# Colours of words that mean well or ill, and of what clients are doing: as on the live page.
GOOD, ILL, BAD, WAITING, JOINING, RESTING = "#4caf6a", "#e8b040", "#ef5b50", "#b9bfc4", "#4a90d9", "#9a8ddb"
TWO_RUNS = {"baseline": "#4a90d9", "candidate": "#e8862e"}
PHASES = {
    "queued": WAITING, "namespace": "#2f6fb3", "link": "#3a80c7", "dhcp": JOINING, "configure": "#7fb3e6", "router": "#2b7fb8", "dhcp6": "#5a9fe0",
    "dad": "#9cc6ee", "online": GOOD, "partial": "#d8a83a",
    "released": RESTING, "v6_only": "#b9b0e6", "leaving": "#7a6cc0", "no_carrier": ILL, "backoff": "#c98f1d", "failed": BAD,
    "gone": "#5c666d",
}


# Why a message of a server's, or an option in one, breaks the protocol; other reasons are only not for this client, or more than
# is kept. A message without a type is counted with those that cannot be read. A test holds both, and those of the alert, to the
# program's words.
UNREADABLE = 'direction="received",type="malformed"'
MALFORMED = 'reason=~"broadcast_address|network_address|no_lease_time|no_server_id|servers_address|unusable_address|' \
            'zero_lease_time"'
MALFORMED_OPTIONS = 'reason=~"length|own_address|value"'


def sel(name, *more):
    """A selector of a family."""
    return f"lanherd_{name}{{{','.join([PICK, *more])}}}"


def own(name):
    """A selector of a figure of the process, told from those of other programs by the job."""
    return f"process_{name}{{{PICK}}}"


def rate(selector, of="rate", over="$__rate_interval", shift=""):
    return f"{of}({selector}[{over}]{shift})"


def by(labels, expr):
    return f"sum by ({labels}) ({expr})" if labels else f"sum({expr})"


def quantile(q, family, *more, labels=""):
    buckets = by(", ".join(filter(None, ["le", labels])), rate(sel(f"{family}_bucket", *more)))
    return f"histogram_quantile({q}, {buckets})"


def quantiles(family, *more, labels="", qs=(0.5, 0.95, 0.99), legend=None):
    """One query for each quantile; the labels stand in the legend, and so do the quantiles where there are several."""
    legend = legend or ", ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(",") if label)
    named = lambda q: legend if len(qs) == 1 else f"{legend} {q * 100:g} %".strip()
    return [(named(q), quantile(q, family, *more, labels=labels)) for q in qs]


def fraction_lost(answered, lost):
    """Lost of all, where there may be no series of losses yet."""
    return f"({lost}) / (({answered}) + ({lost}))"


def fraction_failed(well, answered, unanswered):
    """Of all that was wanted, what was answered otherwise than well, or not at all."""
    return f"1 - ({well}) / (({answered}) + ({unanswered}))"


SUCCESS = 'outcome="success"'
FAILED = 'outcome="failed"'
ONLINE = sel("clients", 'phase="online"')
WANTED = sel("clients_wanted")


# --- panels ---


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps]}


def coloured(words):
    """Overrides: words of a legend that have a colour of their own."""
    return [{"matcher": {"id": "byName", "options": word},
             "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}
            for word, colour in words.items()]


def panel(kind, title, description, unit, targets, *, width, height=9, steps=NONE, options=None, custom=None,
          instant=False, as_format="time_series", overrides=(), transformations=(), **defaults):
    field = {"unit": unit, "thresholds": thresholds(steps), "custom": custom or {}, **defaults}
    if "color" not in field:
        field["color"] = {"mode": "thresholds" if kind in ("stat", "bargauge", "gauge") else "palette-classic"}
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": field, "overrides": list(overrides)},
        "options": options or {},
        **({"transformations": list(transformations)} if transformations else {}),
        "targets": [
            {
                "refId": chr(ord("A") + i),
                "datasource": SOURCE,
                "editorMode": "code",
                "expr": expr,
                "legendFormat": legend,
                "format": as_format,
                "instant": instant,
                "range": not instant,
            }
            for i, (legend, expr) in enumerate(targets)
        ],
    }


def stat(title, description, unit, targets, *, width=3, height=4, steps=NONE, **more):
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        # Without thresholds no figure is good or bad.
        "colorMode": "none" if steps is NONE else "background" if len(targets) == 1 else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto" if len(targets) == 1 else "value_and_name",
        "orientation": "auto",
    }
    if len(targets) > 1:
        # Of one size, so that figures beside each other can be compared.
        options["text"] = {"titleSize": 14, "valueSize": 22}
    return panel("stat", title, description, unit, targets, width=width, height=height, steps=steps, options=options,
                 instant=True, **more)


def series(title, description, unit, targets, *, width=8, stack=False, style="line", steps=NONE, words=None, many=False,
           soft_max=None, **more):
    """`words`: those with a colour of their own; `many`: so many curves that their names stand at the side; `soft_max`: how far
    the axis goes at least."""
    if all(expr.endswith("> 0") for _, expr in targets):
        more["noValue"] = "None in the time shown"
    custom = {
        "drawStyle": style,
        # Grafana stacks a series that is not there as nothing, and would draw its line over all that is.
        "lineWidth": 0 if stack else 1,
        "fillOpacity": 90 if style == "bars" else 70 if stack else 8,
        "barWidthFactor": 0.9,
        "showPoints": "never" if style == "line" else "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off" if steps is NONE else "line"},
        **({} if soft_max is None else {"axisSoftMax": soft_max}),
    }
    options = {
        "legend": {"displayMode": "table", "placement": "right" if many else "bottom",
                   "calcs": ["max"] if many else ["mean", "max"], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, unit, targets, width=width, custom=custom, options=options,
                 steps=steps, overrides=coloured(words or {}), min=0, **more)


def heatmap(title, description, unit, targets, *, width):
    options = {
        "calculate": False,
        "cellGap": 0,
        # One slow ping among many is what is looked for: the scheme's first colour must be seen on any ground.
        "color": {"mode": "scheme", "scheme": "Cool", "steps": 64},
        "yAxis": {"unit": unit, "axisPlacement": "left"},
        "cellValues": {"unit": "short"},
        "filterValues": {"le": 1e-9},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True},
        "legend": {"show": True},
    }
    return panel("heatmap", title, description, unit, targets, width=width, options=options, as_format="heatmap")


# --- dashboards ---


def lay_out(rows):
    """Panels from left to right, row by row, with numbers of their own."""
    panels, y = [], 0
    for title, members in rows:
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        x, y, tallest = 0, y + 1, 0
        for member in members:
            size = member["gridPos"]
            if x + size["w"] > 24:
                x, y, tallest = 0, y + tallest, 0
            member["gridPos"] = {"x": x, "y": y, **size}
            x, tallest = x + size["w"], max(tallest, size["h"])
            panels.append(member)
        y += tallest
    for number, member in enumerate(panels, 1):
        member["id"] = number
    return panels


def variable(name, label, query, *, multi=False, regex="", sort=1):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": sort,
        "regex": regex,
        "multi": multi,
        "includeAll": multi,
        "allValue": ".+" if multi else None,
        "current": {"text": ["All"], "value": ["$__all"]} if multi else {},
    }


VARIABLES = [
    {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1,
     "multi": False, "includeAll": False, "current": {}},
    variable("job", "Job", "label_values(lanherd_build_info, job)", multi=True),
    variable("instance", "Instance", 'label_values(lanherd_build_info{job=~"$job"}, instance)', multi=True),
]


def annotation(name, colour, expr, title, **more):
    return {"name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": colour, "expr": expr,
            "titleFormat": title, "textFormat": "{{instance}}", "tagKeys": "", "step": "", **more}


ANNOTATIONS = [
    annotation("Faults made", "orange", f"{by('instance, fault', rate(sel('faults_injected_total'), 'increase'))} > 0",
               "fault: {{fault}}", tagKeys="fault"),
    annotation("Outages", "red", f"{rate(sel('outages_total'), 'increase')} > 0", "outage"),
    # The value is the moment itself, in milliseconds.
    annotation("Starts", "blue", f"{own('start_time_seconds')} * 1000", "lanherd started", useValueForTime=True),
]


def dashboard(title, description, rows, variables=(), start="now-1h"):
    return {
        "id": None,
        "title": title,
        "description": description,
        "tags": ["lanherd"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": start, "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "title": "lanherd", "tags": ["lanherd"], "asDropdown": True,
                   "includeVars": False, "keepTime": True, "targetBlank": False, "icon": "external link", "url": "",
                   "tooltip": ""}],
        "annotations": {"list": ANNOTATIONS},
        "templating": {"list": VARIABLES + list(variables)},
        "panels": lay_out(rows),
    }


def soak():
    counted = lambda family, *more: by("", rate(sel(family, *more), "increase", "$__range"))
    online = f"{by('', ONLINE)} / {by('', WANTED)}"
    some = lambda labels, family, *more: f"{by(labels, rate(sel(family, *more)))} > 0"
    return dashboard(
        "lanherd: soak",
        "A herd of LAN clients against a router, for hours or days.",
        [
            ("Verdict", [
                stat("Availability", "Of the time in which clients should have been usable, in the time shown. 1 is all.",
                     "percentunit", [("availability", f"{counted('client_usable_seconds_total')} / "
                                                      f"{counted('client_wanted_seconds_total')}")],
                     steps=AVAILABILITY, min=0, max=1),
                stat("Clients online", "Of those that should be online, now. 1 is all.", "percentunit",
                     [("online", online)], steps=SHARE_ONLINE, min=0, max=1),
                stat("Clients given up", "Clients that have spent their restart budget and are not tried again, now.",
                     "none", [("given up", by("", sel("clients", 'phase="failed"')))], steps=ANY_IS_BAD),
                stat("Outages", "How often most of the herd was down at once in the time shown, for reasons that are "
                     "the router's.", "short", [("outages", counted("outages_total"))], steps=ANY_IS_BAD, decimals=0),
                stat("Failures", "Failures of clients in the time shown, those that mended by themselves included.",
                     "short", [("failures", counted("client_failures_total"))], steps=ANY_IS_TO_BE_SEEN, decimals=0),
                stat("Budget used", "Of its restart budget, by the client that is closest to being given up, now. At 1 it is.",
                     "percentunit", [("used", f"max({sel('supervisor_budget_used_ratio')})")], steps=BUDGET, min=0,
                     max=1),
                stat("Faults made", "On purpose in the time shown, by --chaos or lanherd chaos.", "short",
                     [("made", f"{counted('faults_injected_total')} or vector(0)")], steps=ANY_IS_TO_BE_SEEN, decimals=0),
                stat("Tester saturated", "1 while the tester itself is late, now: times say more of it than of the router.",
                     "none", [("saturated", f"max({sel('tester_saturated')})")], steps=ANY_IS_BAD),
                stat("Pings lost", "Pings without an answer in the time shown, of all that were wanted.",
                     "percentunit", [("lost", fraction_lost(counted("ping_rtt_seconds_count"),
                                                            counted("ping_errors_total")))], steps=LOSS),
                stat("Lookups failed", "Lookups without an address in the time shown, of all that were wanted.", "percentunit",
                     [("failed", fraction_failed(counted("dns_responses_total", 'rcode="noerror"'),
                                                 counted("dns_responses_total"), counted("dns_errors_total")))],
                     steps=LOSS),
                stat("Fetches failed", "Fetches without a status below 400 in the time shown, of all that were wanted.",
                     "percentunit",
                     [("failed", fraction_failed(counted("http_requests_total", 'code!~"4xx|5xx"'),
                                                 counted("http_requests_total"), counted("http_errors_total")))],
                     steps=LOSS),
                stat("Exit code not 0", "Commands that ended so, or not at all, in the time shown, of all that were run.",
                     "percentunit",
                     [("failed", f"1 - ({counted('commands_total', SUCCESS)}) / ({counted('commands_total')})")],
                     steps=LOSS),
                stat("Leases lost", "Leases that ran out while held, in the time shown.", "short",
                     [("lost", counted("dhcp_lease_expirations_total"))], steps=ANY_IS_TO_BE_SEEN, decimals=0),
                stat("Malformed", "DHCP messages of servers, and options in them, that break the protocol, in the time shown.",
                     "short", [("malformed", f"{counted('dhcp_messages_ignored_total', MALFORMED)} + "
                                             f"({counted('dhcp_messages_total', UNREADABLE)} or vector(0)) + "
                                             f"({counted('dhcp_option_remarks_total', MALFORMED_OPTIONS)} or vector(0))")],
                     steps=ANY_IS_BAD, decimals=0),
                stat("Restarts", "Of clients in the time shown, by their supervisor.", "short",
                     [("restarts", f"{counted('supervisor_restarts_total')} or vector(0)")], steps=ANY_IS_TO_BE_SEEN,
                     decimals=0),
                stat("Left behind", "Namespaces, links and files that lanherd made and could not remove.",
                     "none", [("left behind", by("", sel("leaked_objects")))], steps=ANY_IS_BAD),
            ]),
            ("Joining and leases", [
                series("Time to join", "From admission by the pool to a configured lease.", "s",
                       quantiles("client_join_duration_seconds")),
                series("Time to lease", "From the first DHCP message to the acknowledgement.", "s",
                       quantiles("dhcp_acquire_duration_seconds", 'outcome="bound"')),
                series("Leases acquired, and not", "failed: nothing before the deadline (--lease-timeout).", "ops",
                       [("{{outcome}}", by("outcome", rate(sel("dhcp_acquire_duration_seconds_count"))))],
                       words={"bound": GOOD, "failed": BAD}),
                series("Time to confirm a lease, 95 %", "95 % of the confirmations take less. renew: unicast, at half of "
                       "the lease's time. rebind: broadcast, after renewing failed. reboot: after a restart.", "s",
                       quantiles("dhcp_renew_duration_seconds", labels="kind", qs=(0.95,))),
                series("Leases confirmed", "Many rebinds: the server does not answer unicast.", "ops",
                       [("{{kind}}", by("kind", rate(sel("dhcp_renew_duration_seconds_count"))))]),
                series("Leases lost", "Leases that ran out while held, and addresses that were given to a client "
                       "and are somebody else's.", "ops",
                       [("ran out", by("", rate(sel("dhcp_lease_expirations_total")))),
                        ("address in use", by("", rate(sel("dhcp_address_conflicts_total"))))]),
                series("DHCP messages", "Of all clients. More discovers than offers: the server is silent, or full. "
                       "nak: it refuses.", "pps",
                       [("{{direction}} {{type}}", some("direction, type", "dhcp_messages_total"))], width=24, many=True),
                series("DHCP messages passed over", "Of servers, that clients made nothing of, and why. Some are only for somebody "
                       "else, or come at another time than they should; an address that is no host's, or an acknowledgement "
                       "without the time of the lease, breaks the protocol.", "pps",
                       [("{{reason}}", some("reason", "dhcp_messages_ignored_total"))], width=12, stack=True, style="bars",
                       many=True),
                series("Options not used as they stand", "Of servers' messages, by code and why. length, value and own_address: "
                       "malformed, and passed over; over_limit: more than is kept; several_names: all are used.", "ops",
                       [("option {{option}}: {{reason}}", some("option, reason", "dhcp_option_remarks_total"))], width=12,
                       stack=True, style="bars", many=True),
            ]),
            ("Pings", [
                heatmap("Round trips", "How many pings took how long, all targets together.", "s",
                        [("{{le}}", by("le", rate(sel("ping_rtt_seconds_bucket"), "increase")))], width=12),
                series("Round trips by target", "The tester's own scheduling is in them, so they never read low.",
                       "s", quantiles("ping_rtt_seconds", labels="target", qs=(0.5, 0.99)), width=12, many=True),
                series("Pings lost by target", "Of those that were wanted.", "percentunit",
                       [("{{target}}", fraction_lost(by("target", rate(sel("ping_rtt_seconds_count"))),
                                                     by("target", rate(sel("ping_errors_total")))))],
                       steps=LOSS),
                series("Pings lost by cause", "timeout: no answer in time. Other causes are told by the kernel.",
                       "ops", [("{{cause}}", some("cause", "ping_errors_total"))], stack=True, style="bars"),
                series("Pings answered again", "Answers to pings that had been answered already: a loop, or two ways to one "
                       "place.", "ops", [("{{target}}", by("target", rate(sel("ping_duplicates_total"))))]),
            ]),
            ("Lookups, fetches and commands", [
                series("DNS: time to answer", "Of the resolver that each client's lease names.", "s",
                       quantiles("dns_query_duration_seconds")),
                series("DNS: answers", "By response code; nodata: an answer without an address.", "reqps",
                       [("{{rcode}}", some("rcode", "dns_responses_total"))], stack=True,
                       words={"noerror": GOOD, "nodata": ILL, "servfail": BAD}),
                series("DNS: lookups without an answer", "By cause.", "reqps",
                       [("{{cause}}", some("cause", "dns_errors_total"))], stack=True, style="bars"),
                series("HTTP: time by phase, 95 %", "95 % take less.", "s",
                       quantiles("http_phase_duration_seconds", labels="phase", qs=(0.95,)), many=True),
                series("HTTP: fetches by status", "By class of status code.", "reqps",
                       [("{{code}}", some("code", "http_requests_total"))], stack=True,
                       words={"2xx": GOOD, "3xx": JOINING, "4xx": ILL, "5xx": BAD}),
                series("HTTP: fetches that did not end", "By cause.", "reqps",
                       [("{{cause}}", some("cause", "http_errors_total"))], stack=True, style="bars"),
                series("Commands by outcome", "failure: an exit code other than 0.", "ops",
                       [("{{outcome}}", some("outcome", "commands_total"))], width=12, stack=True,
                       words={"success": GOOD, "failure": ILL}),
                series("Commands: time to end", "Of those that ended by themselves.", "s",
                       quantiles("command_duration_seconds"), width=12),
            ]),
            ("IPv6", [
                series("Clients usable, by family", "Of those that are to have IPv6 or both. A client with both is online only while it is "
                       "usable in both.", "none", [("{{family}}", by("family", sel("clients_usable")))]),
                series("Availability by family", "Usable of wanted. IPv6 below IPv4 is a router that has trouble with IPv6 alone.",
                       "percentunit",
                       [("{{family}}", f"{by('family', rate(sel('client_family_usable_seconds_total')))} / "
                                       f"{by('family', rate(sel('client_family_wanted_seconds_total')))}")], max=1),
                series("Time until IPv6 was usable", "From the first message, whether by advertisements or by DHCPv6.", "s",
                       quantiles("slaac_acquire_duration_seconds")),
                series("Router advertisements", "On the wire: to all nodes (multicast), or to one client that asked (unicast).", "ops",
                       [("{{kind}}", some("kind", "router_advertisements_total"))], stack=True, style="bars", width=12),
                series("Advertisements ignored, and options not used", "As a whole or in a part, by why. "
                       "two_hour_rule, over_limit, not_for_us and not_started are no fault of the router's; the others break the protocol.",
                       "ops",
                       [("{{reason}}", some("reason", "router_advertisements_ignored_total")),
                        ("options not used as they stand", by("", rate(sel("router_advertisement_remarks_total"))))],
                       stack=True, style="bars", many=True, width=12),
                series("Addresses", "Of all clients, by family and state.", "none",
                       [("{{family}}, {{state}}", f"sum by (family, state) ({sel('addresses')}) > 0")], stack=True),
                series("Default router, least left", "For how long the default router that ends first is still one, with any client.", "s",
                       [("{{instance}}", f"min by (instance) ({sel('router_lifetime_seconds')})")]),
                series("Addresses of others, renumbering", "Addresses that clients were to have and that are somebody else's, as duplicate "
                       "address detection found; and prefixes that routers replaced by others, once for each client.", "ops",
                       [("address in use", by("", rate(sel("dad_conflicts_total")))),
                        ("renumbered", by("", rate(sel("ipv6_events_total", 'kind="renumbered"'))))], soft_max=1),
                series("Attempts that failed, by family", "Of what clients do, by the family that it went over; none: no address of a host was "
                       "found.", "percentunit",
                       [("{{kind}}, {{family}}", f"{by('kind, family', rate(sel('attempts_total', FAILED)))} / "
                                                 f"{by('kind, family', rate(sel('attempts_total')))}")], steps=LOSS, many=True, width=12),
                series("Time of attempts by family, 95 %", "95 % of those that came to an answer take less.", "s",
                       quantiles("attempt_duration_seconds", labels="kind, family", qs=(0.95,)), many=True, width=12),
                series("DHCPv6 messages", "Of all clients, where advertisements tell them to ask. More solicits than advertises: the server "
                       "is silent. passed over: whatever came and was of no use; lanherd events say why.", "pps",
                       [("{{direction}} {{type}}", by("direction, type", rate(sel("dhcp6_messages_total")))),
                        ("passed over", by("", rate(sel("dhcp6_messages_ignored_total"))))], many=True, width=12),
                series("Stale prefixes", "How many clients used a prefix that their router had replaced by another (RFC 9096).", "none",
                       [("{{instance}}", by("instance", rate(sel("stale_prefix_seconds_total"))))], steps=ANY_IS_TO_BE_SEEN, soft_max=1, width=12),
                series("What happened in IPv6", "By kind, of each client.", "ops",
                       [("{{kind}}", some("kind", "ipv6_events_total"))], stack=True, style="bars", many=True, width=24),
            ]),
            ("Phases", [
                series("Clients by phase", "What clients are doing. A herd in good health is online as a whole.",
                       "none", [("{{phase}}", f"{by('phase', sel('clients'))} > 0")], width=12, stack=True, many=True,
                       words=PHASES),
                series("Changes of phase", "From one phase to another. Flapping shows here first.", "ops",
                       [("{{from}} → {{to}}", some("from, to", "client_transitions_total"))], width=12, many=True),
            ]),
            ("Failures, faults and recovery", [
                series("Clients not usable, by cause", "How many of those that should have been usable were not, and why: "
                       "what availability lacks.", "short",
                       [("{{cause}}", some("cause", "client_unavailable_seconds_total"))], width=24, stack=True, many=True),
                series("Failures by cause", "Why clients failed. no_offer, no_ack, nak, lease_expired and no_carrier "
                       "are what a router does that is down.", "ops",
                       [("{{cause}}", some("cause", "client_failures_total"))], width=12, stack=True, style="bars", many=True),
                series("Failures by stage", "Where in its life a client failed.", "ops",
                       [("{{stage}}", some("stage", "client_failures_total"))], width=12, stack=True, style="bars", many=True),
                series("Faults made", "On purpose, by --chaos or lanherd chaos.", "ops",
                       [("{{fault}}", some("fault", "faults_injected_total"))], width=12, stack=True, style="bars", many=True),
                series("Time to recover", "From the beginning of a fault, or an outage, until so large a share of "
                       "the clients that it took offline is back; the median.", "s",
                       # Faults that nobody recovers from at the time are not a number.
                       [(legend, f"{expr} >= 0") for legend, expr in
                        quantiles("recovery_duration_seconds", labels="fault, share", qs=(0.5,),
                                  legend="{{fault}}: {{share}} back")], width=12, many=True, style="points"),
            ]),
            ("Supervision", [
                series("Restarts by cause", "Of clients, by the cause of the failure before.", "ops",
                       [("{{cause}}", some("cause", "supervisor_restarts_total"))], stack=True, style="bars"),
                series("Restart budget used", "By the client of each group that is closest to being given up.",
                       "percentunit", [("{{supervisor}}", f"max by (supervisor) ({sel('supervisor_budget_used_ratio')})")],
                       steps=BUDGET, max=1),
                series("Clients given up", "In each interval. None is lost silently.", "short",
                       [("{{supervisor}}", by("supervisor", rate(sel("supervisor_give_ups_total"), "increase")))],
                       style="bars", steps=ANY_IS_BAD, soft_max=1),
            ]),
            ("The tester's own load", [
                series("Processors", "That lanherd itself uses. Programs that its clients run are not in it.", "short",
                       [("{{instance}}", by("instance", rate(own("cpu_seconds_total"))))], width=6),
                series("Lateness", "How late the tester wakes. Below 1 ms no machine is late; above 10 ms, times are not the "
                       "router's alone.", "s", quantiles("scheduler_lag_seconds", qs=(0.5, 0.99)), width=6,
                       steps=[("green", None), ("red", 0.01)]),
                series("Memory", "Resident. It stays what it is after the first minutes; growth is a defect of lanherd.",
                       "bytes", [("{{instance}}", own("resident_memory_bytes"))], width=6),
                series("File descriptors", "Open ones, of those allowed. At 1 no client can be added.", "percentunit",
                       [("{{instance}}", f"{own('open_fds')} / {own('max_fds')}")],
                       steps=[("green", None), ("orange", 0.7), ("red", 0.9)], max=1, width=6),
            ]),
        ],
        start="now-6h",
    )


def compare():
    runs = (("baseline", " offset $shift"), ("candidate", ""))

    def info(run, shift=""):
        return f'on (job, instance) group_left () lanherd_run_info{{{PICK},$by="${run}"}}{shift}'

    def both(make):
        """One query for the baseline, looked for the shift earlier, and one for the candidate."""
        return [(run, make(run, shift)) for run, shift in runs]

    def whole(run, shift, selector):
        """Of a whole run. Whose a rate is must be asked before it is summed: one series may hold both runs."""
        return f"sum_over_time(({rate(selector)} * {info(run)})[$__range:$__interval]{shift})"

    def running(run, shift, selector):
        return f"{rate(selector, shift=shift)} * {info(run, shift)}"

    def quantile_of(part, q, family, *more):
        buckets = sel(f"{family}_bucket", *more)
        return both(lambda run, shift: f"histogram_quantile({q}, {by('le', part(run, shift, buckets))})")

    def events(family, *more):
        """How many, over the run: the sum of rates at steps, times the step."""
        return both(lambda run, shift: f"{by('', whole(run, shift, sel(family, *more)))} * $__interval_ms / 1000")

    def over_run(q, family, *more):
        return quantile_of(whole, q, family, *more)

    def at_times(q, family, *more):
        return quantile_of(running, q, family, *more)

    def per_second(family, *more):
        return both(lambda run, shift: by("", running(run, shift, sel(family, *more))))

    def lost(part):
        return both(lambda run, shift: fraction_lost(by("", part(run, shift, sel("ping_rtt_seconds_count"))),
                                                     by("", part(run, shift, sel("ping_errors_total")))))

    def available(part):
        return both(lambda run, shift: f"{by('', part(run, shift, sel('client_usable_seconds_total')))} / "
                                       f"{by('', part(run, shift, sel('client_wanted_seconds_total')))}")

    def failed_of(well, answered, unanswered):
        """Of all that was wanted, what did not succeed."""
        return both(lambda run, shift: fraction_failed(*(by("", whole(run, shift, sel(*family))) for family in
                                                         (well, (answered,), (unanswered,)))))

    def clients(run, shift, selector):
        return by("", f"{selector}{shift} * {info(run, shift)}")

    online = both(lambda run, shift: f"{clients(run, shift, ONLINE)} / {clients(run, shift, WANTED)}")
    figure = lambda *args, **more: stat(*args, width=4, height=5, **more)
    curves = lambda *args, **more: series(*args, words=TWO_RUNS, **more)
    return dashboard(
        "lanherd: two runs compared",
        "Two runs, told apart by a label of lanherd_run_info: side by side, or one after the other with a shift. The "
        "time shown is the candidate's; the baseline is looked for the shift earlier.",
        [
            ("Runs", [
                panel("table", "Runs in the time shown", "What lanherd_run_info says of each. Choose the label that "
                      "tells them apart above.", "string",
                      [("", f"max_over_time(lanherd_run_info{{{PICK}}}[$__range])")],
                      width=24, height=5, instant=True, as_format="table",
                      options={"showHeader": True, "cellHeight": "sm"}, transformations=[
                          # The moment of asking, and that each run was there.
                          {"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True},
                                                         "indexByName": {}, "renameByName": {}}}]),
            ]),
            ("Over the whole run", [
                figure("Availability", "Of the time in which clients should have been usable.", "percentunit",
                       available(whole), steps=AVAILABILITY),
                figure("Outages", "How often most of the herd was down at once.", "short", events("outages_total"),
                       decimals=0, steps=ANY_IS_BAD),
                figure("Clients given up", "Clients that had spent their restart budget.", "short",
                       events("supervisor_give_ups_total"), decimals=0, steps=ANY_IS_BAD),
                figure("Failures", "Of clients, those that mended by themselves included.", "short",
                       events("client_failures_total"), decimals=0, steps=ANY_IS_TO_BE_SEEN),
                figure("Restarts", "Of clients, by their supervisor.", "short", events("supervisor_restarts_total"),
                       decimals=0, steps=ANY_IS_TO_BE_SEEN),
                figure("Time to recover, median", "From the beginning of a fault or an outage, until all "
                       "clients that it took offline are back.", "s",
                       over_run(0.5, "recovery_duration_seconds", 'share="1"')),
                figure("Pings lost", "Of all that were wanted.", "percentunit", lost(whole), steps=LOSS),
                figure("Pings answered again", "Answers to pings that had been answered already.", "short",
                       events("ping_duplicates_total"), decimals=0, steps=ANY_IS_TO_BE_SEEN),
                figure("Lookups failed", "Lookups without an address, of all that were wanted.", "percentunit",
                       failed_of(("dns_responses_total", 'rcode="noerror"'), "dns_responses_total", "dns_errors_total"),
                       steps=LOSS),
                figure("Fetches failed", "Fetches without a status below 400, of all that were wanted.", "percentunit",
                       failed_of(("http_requests_total", 'code!~"4xx|5xx"'), "http_requests_total", "http_errors_total"),
                       steps=LOSS),
                figure("Leases lost", "Leases that ran out while held.", "short", events("dhcp_lease_expirations_total"),
                       decimals=0, steps=ANY_IS_TO_BE_SEEN),
                figure("Malformed messages", "DHCP messages of servers that break the protocol.", "short",
                       events("dhcp_messages_ignored_total", MALFORMED), decimals=0, steps=ANY_IS_BAD),
                figure("Time to join, 95 %", "From admission to a configured lease; 95 % of the joins took less.", "s",
                       over_run(0.95, "client_join_duration_seconds")),
                figure("Time to lease, 95 %", "From the first DHCP message to the acknowledgement.", "s",
                       over_run(0.95, "dhcp_acquire_duration_seconds", 'outcome="bound"')),
                figure("Round trip, median", "Of all pings that were answered.", "s",
                       over_run(0.5, "ping_rtt_seconds")),
                figure("Round trip, 99 %", "99 % of the pings that were answered took less.", "s",
                       over_run(0.99, "ping_rtt_seconds")),
                figure("DNS answer, 95 %", "95 % of the answers took less.", "s",
                       over_run(0.95, "dns_query_duration_seconds")),
                figure("HTTP first byte, 95 %", "From the request to the head of the response; 95 % took less.", "s",
                       over_run(0.95, "http_phase_duration_seconds", 'phase="first_byte"')),
            ]),
            ("As they went", [
                curves("Availability", "Of the time in which clients should have been usable.", "percentunit",
                       available(running), max=1, steps=AVAILABILITY),
                curves("Clients online", "Of those that should be online.", "percentunit", online, max=1,
                       steps=SHARE_ONLINE),
                curves("Pings lost", "Of those that were wanted.", "percentunit", lost(running), steps=LOSS),
                curves("Round trip, 99 %", "99 % of the pings that were answered took less.", "s",
                       at_times(0.99, "ping_rtt_seconds")),
                curves("Time to join, 95 %", "95 % of the joins took less.", "s",
                       at_times(0.95, "client_join_duration_seconds")),
                curves("DNS answer, 95 %", "95 % of the answers took less.", "s",
                       at_times(0.95, "dns_query_duration_seconds")),
                curves("HTTP first byte, 95 %", "From the request to the head of the response; 95 % took less.", "s",
                       at_times(0.95, "http_phase_duration_seconds", 'phase="first_byte"')),
                curves("Failures", "Of clients.", "ops", per_second("client_failures_total")),
                curves("Restarts", "Of clients.", "ops", per_second("supervisor_restarts_total")),
                curves("Processors that lanherd uses", "Where they differ, the testers did: compare with care.",
                       "short", both(lambda run, shift: by("", running(run, shift, own("cpu_seconds_total")))), width=12),
                curves("Lateness of the tester, 99 %", "Above 10 ms, times are not the router's alone.", "s",
                       at_times(0.99, "scheduler_lag_seconds"), width=12),
            ]),
        ],
        variables=[
            variable("by", "Runs by", "label_names(lanherd_run_info)", regex="/^(?!__|job$|instance$).*$/"),
            *(variable(run, run.capitalize(), f"label_values(lanherd_run_info{{{PICK}}}, $by)") for run, _ in runs),
            # Prometheus 2 refuses an offset of 0s. A second is nothing to runs side by side.
            {"type": "textbox", "name": "shift", "label": "Baseline was earlier by", "query": "1s",
             "current": {"text": "1s", "value": "1s"}, "options": [{"text": "1s", "value": "1s", "selected": True}]},
        ],
    )


def main():
    stale = []
    for name, made in (("lanherd-soak.json", soak()), ("lanherd-compare.json", compare())):
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        file = HERE / name
        if sys.argv[1:] == ["--check"]:
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            file.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"not what make.py writes: {', '.join(stale)}; run dashboards/make.py")


main()
