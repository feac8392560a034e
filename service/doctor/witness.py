"""What the doctor says of a node's witnesses: judgements over what the running node tells."""

from __future__ import annotations

from typing import Any

import httpx

from service.doctor.finding import Finding, State, fault, fine

_PATIENCE = 3.0
_SOUND = ("WITNESSED", "NONE")


def examine_witnesses(url: str) -> list[Finding]:
    """Check how far the logs of the node that runs at this address are witnessed."""
    try:
        told: Any = httpx.get(f"{url}/ready", timeout=_PATIENCE, trust_env=False).json()
        return judge_witnesses(told["witnessed"], told["forks"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError):
        return []


def judge_witnesses(logs: dict[str, dict[str, Any]], forks: int) -> list[Finding]:
    """One finding for all logs that are witnessed as the policy wants, one for each other."""
    found = [_judge_log(name, one) for name, one in logs.items() if one["state"] not in _SOUND]
    if not found:
        found = [fine("witness", "日志见证符合策略", "the logs are witnessed as the policy wants")]
    if forks:
        found.append(
            fault(
                "witness",
                "LOG_FORKED",
                (
                    f"伙伴的日志出现分叉，证据 {forks} 份",
                    f"a partner's log has two histories: {forks} proofs are kept",
                ),
                (
                    "用 xinqiao audit witness --forks 目录 取出证据，交审计与伙伴处理",
                    "`xinqiao audit witness --forks DIR` writes the proofs out: tell the auditor",
                ),
            )
        )
    return found


def _judge_log(name: str, log: dict[str, Any]) -> Finding:
    if log["state"] == "CONTRADICTED":
        return fault(
            "witness",
            "LOG_CONTRADICTED",
            (
                f"见证方共签的日志 {name} 与本机文件不一致",
                f"a witness has cosigned another or a longer history of log {name}",
            ),
            (
                "停止节点；若由旧备份恢复，改用最新副本的 log/ 文件，并通知审计",
                "stop the node; after a restore take log/ from the newest copy; tell the auditor",
            ),
        )
    tail, age = log["unwitnessed"], round(log["age"])
    return fault(
        "witness",
        "LOG_UNWITNESSED",
        (
            f"日志 {name} 有 {tail} 条 {age} 秒未获见证",
            f"{tail} entries of log {name} are without enough cosignatures for {age} s",
        ),
        (
            "检查伙伴节点与设置 partners、witnesses、witness_quorum",
            "check the partners' nodes and the settings partners, witnesses, witness_quorum",
        ),
        State.FAULT if log["witnesses"] else State.NOTICE,
    )
