/** Source text to coloured HTML, with line numbers; by content, so that a page that is looked at often costs nothing. */
import hljs from 'highlight.js/lib/core';
import json from 'highlight.js/lib/languages/json';
import javascript from 'highlight.js/lib/languages/javascript';
import markdown from 'highlight.js/lib/languages/markdown';
import sql from 'highlight.js/lib/languages/sql';
import bash from 'highlight.js/lib/languages/bash';
import typescript from 'highlight.js/lib/languages/typescript';
import { escapeHtml } from './html';

for (const [name, language] of Object.entries({ json, javascript, markdown, sql, bash, typescript })) hljs.registerLanguage(name, language);

const languageOf: Record<string, string> = {
  ts: 'typescript', mts: 'typescript', cts: 'typescript', tsx: 'typescript', js: 'javascript', mjs: 'javascript', cjs: 'javascript', jsx: 'javascript',
  json: 'json', sql: 'sql', sh: 'bash', bash: 'bash', md: 'markdown',
}; // prettier-ignore

const LARGEST = 400_000;

/** One `<span class="line">` a line; colours that go over several lines are closed and opened again. */
export function highlight(fileName: string, text: string): string {
  const language = languageOf[fileName.split('.').at(-1) ?? ''];
  const html = language && text.length <= LARGEST ? hljs.highlight(text, { language, ignoreIllegals: true }).value : escapeHtml(text);
  const open: string[] = [];
  return html
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => {
      const before = open.join('');
      for (const tag of line.match(/<span[^>]*>|<\/span>/g) ?? []) {
        if (tag === '</span>') open.pop();
        else open.push(tag);
      }
      return `<span class="line">${before}${line}${'</span>'.repeat(open.length)}</span>`;
    })
    .join('');
}
