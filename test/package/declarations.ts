import ts from "typescript";

/** A file of declarations, as a user's editor shows it. */
export class Declarations {
  readonly #file: ts.SourceFile;

  constructor(name: string, text: string) {
    this.#file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  }

  /** What it declares and does not export. A user could not name it. */
  get unexported(): string[] {
    const exported = new Set(
      this.#file.statements
        .filter((one) => ts.isExportDeclaration(one))
        .flatMap(({ exportClause }) =>
          exportClause && ts.isNamedExports(exportClause) ? [...exportClause.elements] : [],
        )
        .map(({ name }) => name.text),
    );
    // rollup adds a number to a name that two modules have.
    return this.#named.map(({ name }) => name.replace(/\$\d+$/, "")).filter((name) => !exported.has(name));
  }

  /** What has no comment. */
  get undocumented(): string[] {
    return [...this.#named, ...this.#members].filter(({ comment }) => comment === "").map(({ name }) => name);
  }

  /** Optional arguments whose comment does not state the default. */
  get withoutDefault(): string[] {
    const optional = this.#members.filter(
      ({ node }) => ts.isPropertySignature(node) && node.questionToken !== undefined,
    );
    return optional
      .filter(({ name, comment }) => !comment.includes("Default:") && !name.includes("Evidence."))
      .map(({ name }) => name);
  }

  get #named(): Declared[] {
    return this.#file.statements.flatMap((node) => {
      if (ts.isVariableStatement(node)) return node.declarationList.declarations.map((one) => declared(one.name, node));
      const isNamed =
        ts.isInterfaceDeclaration(node) ||
        ts.isClassDeclaration(node) ||
        ts.isTypeAliasDeclaration(node) ||
        ts.isFunctionDeclaration(node);
      return isNamed && node.name !== undefined ? [declared(node.name, node)] : [];
    });
  }

  /** Of interfaces and classes, except constructors and what is private. */
  get #members(): Declared[] {
    return this.#file.statements.flatMap((node) => {
      if (!ts.isInterfaceDeclaration(node) && !ts.isClassDeclaration(node)) return [];
      const visible = [...node.members].filter(
        (member) => !(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private),
      );
      return visible.flatMap((member) =>
        member.name === undefined
          ? []
          : [{ ...declared(member.name, member), name: `${node.name?.text}.${member.name.getText()}` }],
      );
    });
  }
}

interface Declared {
  readonly name: string;
  readonly node: ts.Node;
  readonly comment: string;
}

function declared(name: ts.Node, node: ts.Node): Declared {
  return {
    name: name.getText(),
    node,
    comment: ts
      .getJSDocCommentsAndTags(node)
      .map((one) => one.getText())
      .join("\n"),
  };
}
