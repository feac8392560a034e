#!/bin/sh
# ask.sh <origin> <key file> <key id> <purpose> <question.json>
# Signs a question, sends it and verifies the answer with nothing but curl and openssl (3.0 or newer):
# what every byte is, for who writes a client in another language (docs/formats.md).
set -eu
origin=$1 key=$2 key_id=$3 purpose=$4 question=$5
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
url=$origin/graphql

digest() { printf 'sha-256=:%s:' "$(openssl dgst -sha256 -binary "$1" | openssl base64 -A)"; }

# 1. The question's signature base (RFC 9421 §2.5): one line a component, no line feed at the end.
created=$(date +%s)
asked=$(digest "$question")
parameters="(\"@method\" \"@target-uri\" \"content-type\" \"content-digest\" \"credit-purpose\" \"credit-case\")"
parameters="$parameters;created=$created;expires=$((created + 60));nonce=\"$(openssl rand -hex 16)\""
parameters="$parameters;keyid=\"$key_id\";tag=\"credit-query-v1\""
printf '%s\n' '"@method": POST' "\"@target-uri\": $url" '"content-type": application/json' \
    "\"content-digest\": $asked" "\"credit-purpose\": $purpose" '"credit-case": %""' >"$work/base"
printf '"@signature-params": %s' "$parameters" >>"$work/base"
openssl pkeyutl -sign -inkey "$key" -rawin -in "$work/base" -out "$work/signature"
signature="credit=:$(openssl base64 -A -in "$work/signature"):"

# 2. Ask.
curl -sS -D "$work/head" -o "$work/body" --data-binary "@$question" "$url" \
    -H 'content-type: application/json' -H "content-digest: $asked" \
    -H "credit-purpose: $purpose" -H 'credit-case: %""' \
    -H "signature-input: credit=$parameters" -H "signature: $signature"

# 3. The answer's digest, then its signature with the key that the node publishes.
field() { tr -d '\r' <"$work/head" | sed -n "s/^$1: *//Ip" | head -n 1; }
status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$work/head")
[ "$(field content-digest)" = "$(digest "$work/body")" ] || { echo 'the body was changed' >&2; exit 1; }
told=$(field signature-input) && told=${told#credit=}
case $told in
'("@status" "content-type" "content-digest" "credit-receipt" "@method";req "@target-uri";req "content-digest";req "signature";req);created='*) ;;
*) echo 'the answer does not sign what it must' >&2; exit 1 ;;
esac
node_key=$(printf '%s' "$told" | sed 's/.*;keyid="\([^"]*\)".*/\1/')
case $node_key in # nothing holds yet: a stranger may have written it, and sed would run it
'' | *[!A-Za-z0-9_-]*) echo 'the answer names no key' >&2; exit 1 ;;
esac
curl -sS "$origin/keys" -o "$work/keys" # once, then keep it: whoever gives it anew may give another
hex=$(tr -d ' \n' <"$work/keys" | sed -n "s/.*\"answers\":{[^}]*\"$node_key\":\"\([0-9a-f]\{64\}\)\".*/\1/p")
octal=$(printf '%s' "$hex" | awk '{ h = "0123456789abcdef"; for (i = 1; i < length($0); i += 2)
    printf "\\0%03o", 16 * (index(h, substr($0, i, 1)) - 1) + index(h, substr($0, i + 1, 1)) - 1 }')
printf '%b' "\0060\0052\0060\0005\0006\0003\0053\0145\0160\0003\0041\0000$octal" >"$work/node.der"
printf '%s\n' "\"@status\": $status" "\"content-type\": $(field content-type)" \
    "\"content-digest\": $(field content-digest)" "\"credit-receipt\": $(field credit-receipt)" \
    '"@method";req: POST' "\"@target-uri\";req: $url" "\"content-digest\";req: $asked" \
    "\"signature\";req: $signature" >"$work/base"
printf '"@signature-params": %s' "$told" >>"$work/base"
field signature | sed 's/^credit=:\(.*\):$/\1/' | openssl base64 -d -A >"$work/signature"
openssl pkeyutl -verify -pubin -inkey "$work/node.der" -keyform DER -rawin -in "$work/base" \
    -sigfile "$work/signature" >&2

# 4. The receipt names the entry: /log/access/receipt/<leaf> proves that the log holds it.
printf 'receipt: %s\n' "$(field credit-receipt)" >&2
cat "$work/body"
