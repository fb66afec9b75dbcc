// The routes of a server, as Fastify lists them.

/** Method and path of every route of Fastify's own listing. */
export function routesOf(tree: string): [string, string][] {
  const routes: [string, string][] = [];
  const parents: string[] = [];
  for (const line of tree.split('\n')) {
    const match = /^((?:│? {3,4}|│ {3})*)(?:├──|└──) (\S+)(?: \(([A-Z, ]+)\))?/.exec(line);
    if (match === null) continue;
    const [, indent = '', part = '', methods] = match;
    const depth = indent.length / 4;
    parents.length = depth;
    parents[depth] = part;
    const path = parents.join('').replaceAll('//', '/');
    for (const method of methods?.split(', ') ?? []) routes.push([method, path]);
  }
  return routes.filter(([method]) => ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method));
}
