"use strict";

const purpose = document.getElementById("purpose");
const caseInput = document.getElementById("case");
const strip = document.getElementById("strip");
purpose.value = document.body.dataset.purpose;
caseInput.value = document.body.dataset.case;

let latest = 0;

function show(state, text) {
  strip.dataset.state = state;
  strip.textContent = text;
}

function explain(found) {
  const receipt = found.receipt;
  const place = receipt ? `  日志 log ${receipt.log}  叶 leaf ${receipt.leaf}` : "";
  if (found.problem) {
    return show("problem", `✘ 未通过验证 not verified: ${found.problem.code} ${found.problem.message}${place}`);
  }
  if (!receipt || receipt.index === null) {
    return show("signed", `✔ 签名与回执已验证 signature and receipt verified; 等待入日志 waiting for the log…${place}`);
  }
  show("sealed", `✔ 签名、回执与包含证明已验证 signature, receipt and inclusion proof verified`
    + `  序号 index ${receipt.index}  检查点 checkpoint size ${receipt.treeSize}${place}`);
}

async function post(path, content) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  return response.json();
}

async function fetcher(params) {
  const structural = params.operationName === "IntrospectionQuery";
  const turn = structural ? latest : ++latest;
  let found;
  try {
    found = await post("graphql", { ...params, purpose: purpose.value, case: caseInput.value });
  } catch {
    show("problem", "✘ 控制台已停止 the console has stopped: run `xinqiao console` again");
    return { errors: [{ message: "xinqiao console does not answer" }] };
  }
  if (turn === latest && (!structural || found.problem)) {
    explain(found);
    if (!found.problem && found.receipt && !structural) {
      post("proof", { leaf: found.receipt.leaf }).then(
        (proof) => turn === latest && explain(proof),
        () => undefined,
      );
    }
  }
  return found.answer;
}

// Questions name persons and cases: they stay in the page and are gone with it.
function forgetful() {
  const kept = new Map();
  return {
    get length() { return kept.size; },
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, String(value)),
    removeItem: (key) => void kept.delete(key),
    clear: () => kept.clear(),
    key: (index) => [...kept.keys()][index] ?? null,
  };
}

const welcome = `# 在此书写 GraphQL 查询，Ctrl-Enter 运行；左上角可查文档。
# Write a question, run it with Ctrl-Enter; the documentation is at the left.
{
  organisations(first: 3) {
    nodes { name uscc }
  }
}
`;

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: welcome,
    storage: forgetful(),
    isHeadersEditorEnabled: false,
    shouldPersistHeaders: false,
  }),
);
