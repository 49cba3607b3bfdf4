// A walk: a section of a README whose heading has the word "walk". In it stand, between backticks or in a fenced block:
//
//   core/pipeline.cc: classify      the file, from the README's folder or any folder below the root, defines it
//   Pipeline::classify              a method, C++
//   Registry.put                    a method, TypeScript
//   forward_batch()                 a function, anywhere

import path from 'node:path';

/** Text by file, from the root. */
export type Sources = ReadonlyMap<string, string>;

const NAME = String.raw`[A-Za-z_~]\w*`;
const FORMS = {
  inFile: new RegExp(String.raw`^([\w/.-]+\.(?:ts|c|h|cc)): (#?${NAME})$`),
  cpp: new RegExp(`^(${NAME})::(${NAME})$`),
  ts: new RegExp(String.raw`^([A-Z]\w*)\.(?!md$)(#?${NAME})$`),
  free: new RegExp(String.raw`^(${NAME})\(\)$`),
};
/** The same, for fenced blocks, where nothing sets a name apart from the text around it. */
const FENCED = new RegExp(
  [
    String.raw`[\w/.-]+\.(?:ts|c|h|cc): #?${NAME}`,
    `${NAME}::${NAME}`,
    String.raw`\b[A-Z]\w*\.(?!md\b)#?[a-z]\w*`,
    String.raw`\b${NAME}\(\)`,
  ].join('|'),
  'g',
);

/** Sections whose heading has the word "walk", each up to the next heading of its rank or above. */
export function walksOf(text: string): string[] {
  const walks: string[] = [];
  let rank = 0;
  let fenced = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const heading = fenced ? null : /^(#+) (.*)$/.exec(line);
    if (heading) {
      const [, marks = '', title = ''] = heading;
      if (/\bwalk/i.test(title)) {
        rank = marks.length;
        walks.push('');
      } else if (marks.length <= rank) rank = 0;
    }
    if (rank > 0) walks[walks.length - 1] += `${line}\n`;
  }
  return walks;
}

export function namesIn(walk: string): string[] {
  const [plain, fenced]: [string[], string[]] = [[], []];
  for (const [index, part] of walk.split(/^```.*$/m).entries()) (index % 2 ? fenced : plain).push(part);
  const quoted = [...plain.join('\n').matchAll(/`([^`\n]+)`/g)].map(([, token = '']) => token);
  return [
    ...quoted.filter((token) => Object.values(FORMS).some((form) => form.test(token))),
    ...fenced.flatMap((part) => part.match(FENCED) ?? []),
  ];
}

const MODIFIERS = '(?:static |async |get |set |private |\\*)*';
const escape = (name: string) => name.replaceAll(/[$#]/g, String.raw`\$&`);

/**
 * A definition or a declaration, not a mere call: the name, parameters, and a body or what else follows only a
 * definition's head; or an assigned function.
 */
export function defines(text: string, name: string): boolean {
  const word = escape(name);
  return [
    // C, C++: a type before the name, on its line or on the one before
    String.raw`^(?:__attribute__\(\(.*\)\) |\[\[.*\]\] )?[\w:<>,*&\[\] ]*[\w>*&\]][ \n*&]+(?<!\b(?:return|else|case|await|throw) +)(?:\w+::)?${word}\(`,
    // TypeScript: a function, a method, a function in a constant
    String.raw`\bfunction\*? ${word}\b`,
    String.raw`^ *${MODIFIERS}${word}(?:<[^\n]*>)?\((?:(?!=>)[^\n])* \{$`,
    String.raw`^ *${MODIFIERS}${word}(?:<[^\n]*>)?\(\n(?:[^;\n]*,\n)+ *\)(?:: [^\n]+)? \{$`,
    String.raw`^ *${word}\([^\n]*\): [^\n]+;$`,
    String.raw`\bconst ${word}\b[^\n]*=[^\n]*(?:=>|\()`,
  ].some((pattern) => new RegExp(pattern, 'm').test(text));
}

/** The file from the folder, else from the root, else every one whose path ends so. */
function filesNamed(name: string, folder: string, sources: Sources): string[] {
  const direct = [path.join(folder, name), name].find((file) => sources.has(file));
  return direct === undefined ? [...sources.keys()].filter((file) => file.endsWith(`/${name}`)) : [direct];
}

/** Why the name is wrong, or null. `folder`: the README's. */
export function faultOf(token: string, folder: string, sources: Sources): string | null {
  const inFile = FORMS.inFile.exec(token);
  if (inFile) {
    const [, file = '', name = ''] = inFile;
    const files = filesNamed(file, folder, sources);
    if (files.length === 0) return 'no such file';
    return files.some((one) => defines(sources.get(one) ?? '', name)) ? null : `${file} does not define it`;
  }
  const cpp = FORMS.cpp.exec(token);
  if (cpp) {
    const [, owner = '', name = ''] = cpp;
    const found = [...sources.values()].some(
      (text) =>
        new RegExp(String.raw`\b${owner}::${name}\(`).test(text) ||
        (new RegExp(String.raw`\b(?:class|struct) ${owner}\b`).test(text) && defines(text, name)),
    );
    return found ? null : 'no such method';
  }
  const ts = FORMS.ts.exec(token);
  if (ts) {
    const [, owner = '', name = ''] = ts;
    const found = [...sources.values()].some(
      (text) => new RegExp(String.raw`\b(?:class|interface) ${owner}\b`).test(text) && defines(text, name),
    );
    return found ? null : 'no such method';
  }
  const [, name = ''] = FORMS.free.exec(token) ?? [];
  return [...sources.values()].some((text) => defines(text, name)) ? null : 'no such function';
}
