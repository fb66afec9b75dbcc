// The name of the file that holds the source of a script.
import t from 'tap';
import { scriptFileName } from '../../src/runners/commands/script-file.ts';

t.test('the file is named after the interpreter', async (t) => {
  const cases: [string, string][] = [
    ['node', 'js'],
    ['/usr/bin/nodejs', 'js'],
    ['/opt/node-24.21/bin/node24', 'js'],
    ['tsx', 'ts'],
    ['/usr/bin/python3.12', 'py'],
    ['python', 'py'],
    ['bash', 'sh'],
    ['lua5.4', 'lua'],
    ['Rscript', 'R'],
    ['pwsh', 'ps1'],
    ['java', 'java'],
    ['/opt/own', 'script'],
    ['constructor', 'script'],
    ['2', 'script'],
  ];
  for (const [interpreter, ending] of cases)
    t.equal(scriptFileName({ source: '#!/usr/bin/perl\n', interpreter }), ending, interpreter);
});

t.test('without an interpreter it is named after the first line', async (t) => {
  const cases: [string, string][] = [
    ['#!/bin/sh\n', 'sh'],
    ['#! /usr/bin/python3 -u\nprint(1)', 'py'],
    ['#!/usr/bin/env node', 'js'],
    ['#!/usr/bin/env -S node --no-warnings\r\n', 'js'],
    ['#!/usr/bin/env -S A=1 python3 -u\n', 'py'],
    ['#!/usr/bin/env', 'script'],
    ['#!', 'script'],
    ['\n#!/bin/sh', 'script'],
    [`#!/${'x'.repeat(100_000)}`, 'script'],
  ];
  for (const [source, ending] of cases) t.equal(scriptFileName({ source }), ending, source.slice(0, 40));
});

t.test('a name of the request goes first', async (t) => {
  t.equal(scriptFileName({ source: 'x', interpreter: 'node', filename: 'main.ts' }), 'main.ts');
});

t.test('a script of Node.js is an ES module when it cannot be anything else', async (t) => {
  const cases: [string, string][] = [
    ["import { sep } from 'node:path';\nconsole.log(sep);", 'mjs'],
    ['#!/usr/bin/env node\nexport default 1;', 'mjs'],
    ["  import 'node:fs'", 'mjs'],
    ['const n: number = 1;\nconsole.log(n);', 'ts'],
    ['#!/usr/bin/env node\ninterface A {\n  b: string;\n}\nconst a = { b: "" } as A;', 'ts'],
    ['type Id = string | number;\nexport const id: Id = 1;', 'mts'],
    ["import type { Stats } from 'node:fs';\nconsole.log(1);", 'mts'],
    ['export function f(a: string, b?: number) {}', 'mts'],
    ['const text = `\nconst n: number = 1;\n`;', 'js'],
    ['label: for (;;) break label;\nconst a = x ? y : z;', 'js'],
    ['const a = 1;\nexport { a };\nconst b = { c: 1 };', 'mjs'],
    ['await Promise.resolve();', 'js'],
    ["const { sep } = require('node:path');\nreturn;", 'js'],
    ["import('node:fs').then(() => 1);", 'js'],
    ["require('node:fs').writeFileSync('a.mjs', `\nimport 'node:fs';\n`);", 'js'],
    ['exports.a = 1; importAll();', 'js'],
    [`import 'node:fs';${' '.repeat(70_000)}`, 'js'],
  ];
  for (const [source, ending] of cases)
    t.equal(scriptFileName({ source, interpreter: 'node' }), ending, source.slice(0, 60));
});
