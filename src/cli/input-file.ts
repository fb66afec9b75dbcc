// Files that a command reads: JSON or YAML, or standard input.
import { readFileSync } from 'node:fs';
import { EXIT, Exit } from './exits.ts';

export async function inputFile<T>(path: string): Promise<T> {
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new Exit(EXIT.usage, `Cannot read ${path}: ${(error as Error).message}`);
  }
  try {
    if (!/\.ya?ml$/.test(path)) return JSON.parse(text) as T;
    const { parse } = await import('yaml');
    return parse(text) as T;
  } catch (error) {
    throw new Exit(EXIT.usage, `${path} cannot be read: ${(error as Error).message}`);
  }
}
