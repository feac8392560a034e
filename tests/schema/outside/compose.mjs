// node compose.mjs <name=file>…: composes the subgraphs with both composers; the errors, else the
// supergraph of @theguild/federation-composition on standard output.
import { readFileSync } from 'node:fs';
import { composeServices as apollo } from '@apollo/composition';
import { composeServices as guild } from '@theguild/federation-composition';
import { parse } from 'graphql';

const services = process.argv.slice(2).map((argument) => {
  const [name, file, url = `http://${name}.invalid/graphql`] = argument.split('=');
  return { name, url, typeDefs: parse(readFileSync(file, 'utf8')) };
});
let failed = false;
for (const [composer, compose] of Object.entries({ apollo, guild })) {
  const { errors, supergraphSdl, hints } = compose(services);
  for (const { message } of errors ?? []) console.error(`${composer}: ${message}`);
  for (const { message } of hints ?? []) console.error(`${composer} hint: ${message}`);
  failed ||= Boolean(errors?.length);
  if (composer === 'guild' && supergraphSdl) console.log(supergraphSdl);
}
process.exitCode = failed ? 1 : 0;
