"use strict";

const purpose = document.getElementById("purpose");
const caseInput = document.getElementById("case");
const strip = document.getElementById("strip");
purpose.value = document.body.dataset.purpose;
caseInput.value = document.body.dataset.case;

// What is known of the answer in each of GraphiQL's tabs; the strip tells of the one that is open.
const untold = { turn: 0, state: "none", text: strip.textContent };
const tabs = new Map();
let open = { ...untold };
let latest = 0;
let touched = false;

function paint() {
  strip.dataset.state = open.state;
  strip.textContent = open.text;
}

function tell(tab, state, text) {
  Object.assign(tab, { state, text });
  if (tab === open) paint();
}

function changed({ tabs: listed, activeTabIndex }) {
  touched = true;
  if (tabs.size === 0) tabs.set(listed[0].id, open);
  const { id } = listed[activeTabIndex];
  if (!tabs.has(id)) tabs.set(id, { ...untold });
  open = tabs.get(id);
  paint();
}

function explain(tab, found) {
  const receipt = found.receipt;
  const place = receipt ? `  日志 log ${receipt.log}  叶 leaf ${receipt.leaf}` : "";
  if (found.problem || !found.verified || !receipt) {
    const why = found.problem ? `${found.problem.code} ${found.problem.message}` : "没有回执 no receipt";
    return tell(tab, "problem", `✘ 未通过验证 not verified: ${why}${place}`);
  }
  if (receipt.index === null) {
    return tell(tab, "signed", `✔ 签名与回执已验证 signature and receipt verified; 等待入日志 waiting for the log…${place}`);
  }
  tell(tab, "sealed", `✔ 签名、回执与包含证明已验证 signature, receipt and inclusion proof verified`
    + `  序号 index ${receipt.index}  检查点 checkpoint size ${receipt.treeSize}${place}`);
}

async function post(path, content) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  const found = await response.json();
  if (response.ok) return found;
  // The console itself refused, as a page whose console has been started again: nothing was asked.
  const [{ message, extensions }] = found.errors;
  return { answer: found, receipt: null, verified: false, problem: { message, ...extensions } };
}

async function fetcher(params) {
  const structural = params.operationName === "IntrospectionQuery";
  const turn = structural ? latest : ++latest;
  const asking = open;
  if (!structural) tell(asking, "none", "正在查询 asking…");
  let found;
  try {
    found = await post("graphql", { ...params, purpose: purpose.value, case: caseInput.value });
  } catch {
    tell(open, "problem", "✘ 控制台已停止 the console has stopped: run `xinqiao console` again");
    return { errors: [{ message: "xinqiao console does not answer" }] };
  }
  const tab = open; // GraphiQL shows an answer in the tab that is open when it comes
  if (turn === latest && (!structural || found.problem)) {
    if (tab !== asking) tell(asking, untold.state, untold.text);
    tab.turn = turn;
    explain(tab, found);
    if (!found.problem && found.receipt && !structural) {
      post("proof", { leaf: found.receipt.leaf }).then(
        (proof) => tab.turn === turn && explain(tab, proof),
        () => undefined,
      );
    }
  }
  ready();
  return found.answer;
}

// Names come from outside: what turns the direction of text, or has no width, is shown as a mark.
const masking = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffc]/;

function ready() {
  for (const { CodeMirror: editor } of document.querySelectorAll(".CodeMirror")) {
    if (editor.xinqiaoReady) continue;
    editor.xinqiaoReady = true;
    editor.setOption("specialChars", masking);
    // By keyboard one leaves the editor as any other field; it indents by itself.
    editor.addKeyMap({ Tab: false, "Shift-Tab": false });
  }
}

// Nothing is kept, so that a page left by mistake is a question lost.
addEventListener("beforeunload", (event) => touched && event.preventDefault());

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
    onTabChange: changed,
  }),
);
