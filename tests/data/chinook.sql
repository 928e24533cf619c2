-- The tables of the Chinook database, a music shop, as other programs make them: names in mixed
-- case, a junction with a composite key, two ways from one table to another, an employee who
-- reports to an employee. SQLite, PostgreSQL and MariaDB (with sql_mode=ANSI_QUOTES) read it alike,
-- but for instants: TIMESTAMP is PostgreSQL's word, the others say DATETIME.

CREATE TABLE "Artist" (
    "ArtistId" INTEGER NOT NULL PRIMARY KEY,
    "Name" VARCHAR(120)
);

CREATE TABLE "Album" (
    "AlbumId" INTEGER NOT NULL PRIMARY KEY,
    "Title" VARCHAR(160) NOT NULL,
    "ArtistId" INTEGER NOT NULL,
    CONSTRAINT "FK_AlbumArtistId" FOREIGN KEY ("ArtistId") REFERENCES "Artist" ("ArtistId")
);
CREATE INDEX "IFK_AlbumArtistId" ON "Album" ("ArtistId");

CREATE TABLE "Employee" (
    "EmployeeId" INTEGER NOT NULL PRIMARY KEY,
    "LastName" VARCHAR(20) NOT NULL,
    "FirstName" VARCHAR(20) NOT NULL,
    "Title" VARCHAR(30),
    "ReportsTo" INTEGER,
    "BirthDate" TIMESTAMP,
    "HireDate" TIMESTAMP,
    "Email" VARCHAR(60),
    CONSTRAINT "FK_EmployeeReportsTo" FOREIGN KEY ("ReportsTo")
        REFERENCES "Employee" ("EmployeeId")
);
CREATE INDEX "IFK_EmployeeReportsTo" ON "Employee" ("ReportsTo");

CREATE TABLE "Customer" (
    "CustomerId" INTEGER NOT NULL PRIMARY KEY,
    "FirstName" VARCHAR(40) NOT NULL,
    "LastName" VARCHAR(20) NOT NULL,
    "Company" VARCHAR(80),
    "Country" VARCHAR(40),
    "Email" VARCHAR(60) NOT NULL,
    "SupportRepId" INTEGER,
    CONSTRAINT "FK_CustomerSupportRepId" FOREIGN KEY ("SupportRepId")
        REFERENCES "Employee" ("EmployeeId")
);
CREATE INDEX "IFK_CustomerSupportRepId" ON "Customer" ("SupportRepId");

CREATE TABLE "Genre" (
    "GenreId" INTEGER NOT NULL PRIMARY KEY,
    "Name" VARCHAR(120)
);

CREATE TABLE "Invoice" (
    "InvoiceId" INTEGER NOT NULL PRIMARY KEY,
    "CustomerId" INTEGER NOT NULL,
    "InvoiceDate" TIMESTAMP NOT NULL,
    "BillingCity" VARCHAR(40),
    "Total" NUMERIC(10, 2) NOT NULL,
    CONSTRAINT "FK_InvoiceCustomerId" FOREIGN KEY ("CustomerId")
        REFERENCES "Customer" ("CustomerId")
);
CREATE INDEX "IFK_InvoiceCustomerId" ON "Invoice" ("CustomerId");

CREATE TABLE "MediaType" (
    "MediaTypeId" INTEGER NOT NULL PRIMARY KEY,
    "Name" VARCHAR(120)
);

CREATE TABLE "Playlist" (
    "PlaylistId" INTEGER NOT NULL PRIMARY KEY,
    "Name" VARCHAR(120)
);

CREATE TABLE "Track" (
    "TrackId" INTEGER NOT NULL PRIMARY KEY,
    "Name" VARCHAR(200) NOT NULL,
    "AlbumId" INTEGER,
    "MediaTypeId" INTEGER NOT NULL,
    "GenreId" INTEGER,
    "Composer" VARCHAR(220),
    "Milliseconds" INTEGER NOT NULL,
    "Bytes" INTEGER,
    "UnitPrice" NUMERIC(10, 2) NOT NULL,
    CONSTRAINT "FK_TrackAlbumId" FOREIGN KEY ("AlbumId") REFERENCES "Album" ("AlbumId"),
    CONSTRAINT "FK_TrackMediaTypeId" FOREIGN KEY ("MediaTypeId")
        REFERENCES "MediaType" ("MediaTypeId"),
    CONSTRAINT "FK_TrackGenreId" FOREIGN KEY ("GenreId") REFERENCES "Genre" ("GenreId")
);
CREATE INDEX "IFK_TrackAlbumId" ON "Track" ("AlbumId");
CREATE INDEX "IFK_TrackGenreId" ON "Track" ("GenreId");
CREATE INDEX "IFK_TrackMediaTypeId" ON "Track" ("MediaTypeId");

CREATE TABLE "InvoiceLine" (
    "InvoiceLineId" INTEGER NOT NULL PRIMARY KEY,
    "InvoiceId" INTEGER NOT NULL,
    "TrackId" INTEGER NOT NULL,
    "UnitPrice" NUMERIC(10, 2) NOT NULL,
    "Quantity" INTEGER NOT NULL,
    CONSTRAINT "FK_InvoiceLineInvoiceId" FOREIGN KEY ("InvoiceId")
        REFERENCES "Invoice" ("InvoiceId"),
    CONSTRAINT "FK_InvoiceLineTrackId" FOREIGN KEY ("TrackId") REFERENCES "Track" ("TrackId")
);
CREATE INDEX "IFK_InvoiceLineInvoiceId" ON "InvoiceLine" ("InvoiceId");
CREATE INDEX "IFK_InvoiceLineTrackId" ON "InvoiceLine" ("TrackId");

CREATE TABLE "PlaylistTrack" (
    "PlaylistId" INTEGER NOT NULL,
    "TrackId" INTEGER NOT NULL,
    CONSTRAINT "PK_PlaylistTrack" PRIMARY KEY ("PlaylistId", "TrackId"),
    CONSTRAINT "FK_PlaylistTrackPlaylistId" FOREIGN KEY ("PlaylistId")
        REFERENCES "Playlist" ("PlaylistId"),
    CONSTRAINT "FK_PlaylistTrackTrackId" FOREIGN KEY ("TrackId") REFERENCES "Track" ("TrackId")
);
CREATE INDEX "IFK_PlaylistTrackTrackId" ON "PlaylistTrack" ("TrackId");

INSERT INTO "Artist" VALUES (1, 'AC/DC'), (2, 'Accept'), (3, 'Antônio Carlos Jobim');
INSERT INTO "Album" VALUES
    (1, 'For Those About To Rock We Salute You', 1),
    (2, 'Balls to the Wall', 2),
    (4, 'Let There Be Rock', 1);
INSERT INTO "Employee" VALUES
    (1, 'Adams', 'Andrew', 'General Manager', NULL, '1962-02-18 00:00:00', '2002-08-14 00:00:00',
     'andrew@chinookcorp.com'),
    (2, 'Edwards', 'Nancy', 'Sales Manager', 1, '1958-12-08 00:00:00', '2002-05-01 00:00:00',
     'nancy@chinookcorp.com'),
    (3, 'Peacock', 'Jane', 'Sales Support Agent', 2, '1973-08-29 00:00:00', '2002-04-01 00:00:00',
     'jane@chinookcorp.com');
INSERT INTO "Customer" VALUES
    (1, 'Luís', 'Gonçalves', 'Embraer', 'Brazil', 'luisg@embraer.com.br', 3),
    (2, 'Leonie', 'Köhler', NULL, 'Germany', 'leonekohler@surfeu.de', NULL);
INSERT INTO "Genre" VALUES (1, 'Rock'), (2, 'Jazz');
INSERT INTO "MediaType" VALUES (1, 'MPEG audio file'), (2, 'Protected AAC audio file');
INSERT INTO "Playlist" VALUES (1, 'Music'), (2, 'Movies'), (8, 'Heavy Metal Classic');
INSERT INTO "Track" VALUES
    (1, 'For Those About To Rock (We Salute You)', 1, 1, 1, 'Angus Young', 343719, 11170334, 0.99),
    (2, 'Balls to the Wall', 2, 2, 1, NULL, 342562, 5510424, 1.00),
    (15, 'Go Down', 4, 1, 1, 'AC/DC', 331180, 10847611, 0.99);
INSERT INTO "Invoice" VALUES
    (1, 2, '2009-01-01 00:00:00', 'Stuttgart', 1.98),
    (2, 1, '2009-01-03 12:30:00', 'São José dos Campos', 0.99);
INSERT INTO "InvoiceLine" VALUES (1, 1, 2, 1.00, 1), (2, 1, 15, 0.98, 1), (3, 2, 1, 0.99, 1);
INSERT INTO "PlaylistTrack" VALUES (1, 1), (1, 2), (8, 1), (8, 15);
