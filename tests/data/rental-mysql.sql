-- What only MariaDB has of it.

ALTER TABLE "staff" ADD COLUMN "picture" BLOB;

CREATE TABLE "oddity" (
    "id" INTEGER UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    "rating" ENUM('G', 'PG-13', 'PG', 'R') DEFAULT 'G',
    "release_year" YEAR,
    "special_features" SET('Trailers', 'Deleted Scenes'),
    "opens" TIME,
    "address" INET6,
    "flags" BIT(3),
    "active" BIT(1),
    "tiny" TINYINT UNSIGNED,
    "huge" BIGINT UNSIGNED,
    "place" POINT,
    "length" DOUBLE,
    "doubled" DOUBLE GENERATED ALWAYS AS ("length" * 2) VIRTUAL,
    "data" JSON,
    "german" VARCHAR(10) CHARACTER SET latin1 COLLATE latin1_german1_ci,
    "long" LONGTEXT CHARACTER SET latin1,
    "raw" VARBINARY(16)
);
INSERT INTO "oddity" ("rating", "release_year", "special_features", "opens", "address", "flags",
    "active", "tiny", "huge", "place", "length", "data", "german", "long", "raw")
VALUES ('PG', 2006, 'Trailers,Deleted Scenes', '10:30', '::1', b'101', b'1', 200,
    18446744073709551615, POINT(1, 2), 1.5, '{"a": [1, 2]}', 'Größe', 'Straße', x'00ff'),
    ('PG-13', NULL, NULL, '09:15', NULL, NULL, b'0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE "raw_only" ("raw" BLOB);

CREATE TABLE "loan" (
    "loan_id" INTEGER NOT NULL PRIMARY KEY,
    "film_id" INTEGER NOT NULL,
    "code" TEXT,
    UNIQUE INDEX "loan_code" ("code"(4)),
    CONSTRAINT "fk_loan_film" FOREIGN KEY ("film_id") REFERENCES "film" ("film_id")
);
INSERT INTO "loan" VALUES (1, 1, 'A');

CREATE TABLE "ledger" ("id" INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY, "amount" INTEGER NOT NULL);
INSERT INTO "ledger" ("amount") VALUES (5);
CREATE TRIGGER "ledger_is_kept" BEFORE DELETE ON "ledger"
    FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the ledger is kept';

CREATE TABLE "Film" ("id" INTEGER NOT NULL PRIMARY KEY, "Name" VARCHAR(20));
INSERT INTO "Film" VALUES (1, 'upper');

CREATE TABLE "gone" ("x" INTEGER);
CREATE VIEW "broken" AS SELECT "x" FROM "gone";
DROP TABLE "gone";
CREATE VIEW "totals" AS SELECT "language_id", count(*) AS "films" FROM "film" GROUP BY 1;
