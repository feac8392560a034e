"""The root fields that no statement of the compiler answers, each by a function of its own.

A function is given an empty statement for its scope, the selected field and the call; it returns
the value as JSON shows it and what it discloses. What is stored is compiled instead
(`resolvers.compiler`); a field stands in one of the two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from resolvers import (
    after_review,
    analysis,
    association,
    beneficial,
    catalogue,
    circular,
    company_group,
    control,
    coverage,
    decision,
    export,
    guarantee,
    interest,
    investigation,
    job,
    neighbourhood,
    neighbourhood_change,
    oversight,
    ownership,
    paths,
    queue,
    related,
    relation_change,
    reporting,
    risk,
    screening,
    subgraph,
    submission,
    watch,
)
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.statement import Selected, Statement

Part = Callable[[Statement, Selected, Call], Awaitable[tuple[Any, Disclosure]]]

PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "_service": subgraph.answer,
        "analysis": analysis.answer,
        "kinds": catalogue.answer,
        "catalogue": coverage.catalogue,
        "coverage": coverage.coverage,
        "neighbourhood": neighbourhood.answer,
        "paths": paths.paths,
        "owners": ownership.answer,
        "controllers": control.controllers,
        "controlled": control.controlled,
        "beneficialOwners": beneficial.answer,
        "relatedParties": related.answer,
        "circularOwnership": circular.answer,
        "links": paths.links,
        "investigations": investigation.listed,
        "investigation": investigation.opened,
        "graphExport": export.answer,
        "declaredInterests": interest.answer,
        "sharedAttributes": association.shared,
        "investorSimilarity": association.similarity,
        "neighbourhoodDigest": neighbourhood_change.digest,
        "timeline": relation_change.timeline,
        "diff": relation_change.difference,
        "guaranteeCircle": guarantee.circle,
        "guaranteeExposure": guarantee.exposed,
        "riskPropagation": risk.answer,
        "reportingStatistics": reporting.answer,
        "watchNotices": watch.answer,
        "companyGroup": company_group.answer,
        "workQueue": queue.answer,
        "accessEntries": oversight.answer,
        "accessEntry": oversight.entry,
        "accessHistory": oversight.history,
        "exposureReport": oversight.exposure,
        "reviewFindings": after_review.findings,
        "accessStatistics": after_review.statistics,
        "job": job.answer,
        "jobs": job.listed,
        "jobResult": job.result,
        "jobReviews": job.reviews,
        "batch": submission.answer,
        "batches": submission.listed,
        "batchFindings": submission.findings,
        "lookup": screening.lookup,
        "screen": screening.screen,
        "recordDecisions": decision.listed,
    }
)
