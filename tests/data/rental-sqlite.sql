-- What only SQLite has of it.

ALTER TABLE "staff" ADD COLUMN "picture" BLOB;

CREATE TABLE "oddity" (
    "id" INTEGER PRIMARY KEY,
    "anything",
    "rating" STRING,
    "big" INTEGER,
    "data" JSON,
    "length" REAL,
    "doubled" REAL GENERATED ALWAYS AS ("length" * 2) VIRTUAL,
    "raw" BLOB
);
INSERT INTO "oddity" ("id", "anything", "rating", "big", "data", "length", "raw") VALUES
    (1, 5, 'PG', 9007199254740993, '{"a": [1, 2]}', 1.5, x'00ff'),
    (2, 'five', NULL, NULL, 'no json', NULL, NULL),
    (3, x'c0ffee', NULL, NULL, NULL, NULL, NULL);

CREATE TABLE "raw_only" ("raw" BLOB);

CREATE TABLE "loan" (
    "loan_id" INTEGER PRIMARY KEY,
    "film_id" INTEGER NOT NULL
        REFERENCES "film" ("film_id") DEFERRABLE INITIALLY DEFERRED,
    "code" VARCHAR(10)
);
CREATE UNIQUE INDEX "loan_code" ON "loan" (lower("code"));
CREATE UNIQUE INDEX "loan_coded" ON "loan" ("code") WHERE "film_id" > 1;
INSERT INTO "loan" VALUES (1, 1, 'A');

CREATE TABLE "ledger" ("id" INTEGER PRIMARY KEY, "amount" INTEGER NOT NULL);
INSERT INTO "ledger" VALUES (1, 5);
CREATE TRIGGER "ledger_is_kept" BEFORE DELETE ON "ledger"
    BEGIN SELECT RAISE(ABORT, 'the ledger is kept'); END;

CREATE TABLE "dangling" ("id" INTEGER PRIMARY KEY, "gone_id" INTEGER REFERENCES "gone" ("id"));
CREATE TABLE "int11" ("id" INT(11) NOT NULL PRIMARY KEY, "n" TINYINT(3));
CREATE VIEW "broken" AS SELECT "x" FROM "gone";
CREATE VIEW "totals" AS SELECT "language_id", count(*) AS "films" FROM "film" GROUP BY 1;
