// node lint.mjs <schema.graphql>: every message of the presets schema-recommended and schema-relay
// that no exception below explains, and every exception that explains nothing. Exit status 1 for any.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import plugin from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';

const file = resolve(process.argv[2]);
const source = readFileSync(file, 'utf8');

// What has an identity of its own is a `Node`. Every other type is a value of the object that holds
// it (money, a code), a page or a row of one, or a report of what one question found at a moment:
// none can be asked for again by an id, and inventing ids would promise that.
const values = [...source.matchAll(/^type (\w+)(?: implements ([\w &]+))? /gm)]
  .filter(([, , interfaces]) => !interfaces?.split(' & ').includes('Node'))
  .map(([, name]) => name);

const options = {
  // Short lists are plain lists; that long ones are connections is tested in tests/schema.
  '@graphql-eslint/strict-id-in-types': ['error', { exceptions: { types: values } }],
  '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],
};

const { exceptions } = JSON.parse(readFileSync(new URL('exceptions.json', import.meta.url), 'utf8'));

const eslint = new ESLint({
  cwd: resolve(file, '..'),
  overrideConfigFile: true,
  overrideConfig: [
    {
      files: ['**/*.graphql'],
      languageOptions: {
        parser: plugin.parser,
        parserOptions: { graphQLConfig: { schema: file } },
      },
      plugins: { '@graphql-eslint': plugin },
      rules: {
        ...plugin.configs['flat/schema-recommended'].rules,
        ...plugin.configs['flat/schema-relay'].rules,
        ...options,
      },
    },
  ],
});

// The definition that a line is part of, and the field on it.
const lines = source.split('\n');
function place(line) {
  let owner = '';
  for (let at = line - 1; at >= 0 && !owner; at -= 1) {
    owner = /^(?:type|interface|input|enum|union|scalar|directive) @?(\w+)/.exec(lines[at])?.[1] ?? '';
  }
  const field = /^ {2}(\w+)/.exec(lines[line - 1])?.[1];
  return field ? `${owner}.${field}` : owner;
}

const used = new Set();
const [result] = await eslint.lintFiles([file]);
const unexplained = [];
for (const { ruleId, line, message } of result.messages) {
  const rule = (ruleId ?? 'parse').replace('@graphql-eslint/', '');
  const at = place(line);
  const key = exceptions[rule]?.[at] ? `${rule} ${at}` : undefined;
  if (key) used.add(key);
  else unexplained.push(`${rule}: ${at} (line ${line}): ${message.replaceAll('\n', ' ')}`);
}
const idle = Object.entries(exceptions)
  .flatMap(([rule, places]) => Object.keys(places).map((at) => `${rule} ${at}`))
  .filter((key) => !used.has(key))
  .map((key) => `exception without a cause: ${key}`);
for (const line of [...unexplained, ...idle]) console.log(line);
process.exitCode = unexplained.length || idle.length ? 1 : 0;
